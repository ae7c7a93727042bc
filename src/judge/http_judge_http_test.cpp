#include <gtest/gtest.h>

#include "judge/http_judge.h"
#include "judge/http_judge_testing.h"
#include "judge/make_judge.h"

namespace polaris {
namespace {

using HttpJudgeChain = HttpJudgeTest;

TEST_F(HttpJudgeChain, AnAnswerIsGradedBilledStoredAndNeverAskedForAgain) {
  LoopbackServer server([&](const ServerRequest& request) {
    EXPECT_EQ(request.target, "/v1/chat/completions");
    EXPECT_EQ(find_header(request.headers, "authorization"), "Bearer " + key);
    EXPECT_EQ(story_in(request), "Mara went.");
    return good_answer(7);
  });
  const JudgeConfig config = config_for(server.url("/v1"));
  for (const bool is_first : {true, false}) {
    const JudgeReply reply = ask(*judge_with(config), "Mara went.");
    ASSERT_TRUE(reply.verdict) << reply.message;
    EXPECT_EQ(reply.verdict->positive[0], 7);
    EXPECT_EQ(reply.cached, !is_first);
    EXPECT_DOUBLE_EQ(reply.cost_usd, is_first ? kAnswerUsd : 0.0);
    ASSERT_EQ(reply.records.size(), 1U);
    const JudgementRecord& record = *reply.records[0];
    EXPECT_EQ(record.judge.provider, "openai");
    EXPECT_EQ(record.judge.model, "m");
    EXPECT_EQ(record.judge.served_model, "m-served");
    EXPECT_EQ(record.raw_text, answer_with(7).dump());
    EXPECT_EQ(record.usage.reasoning_tokens, 60);
    EXPECT_DOUBLE_EQ(record.cost_usd.value(), kAnswerUsd);
    EXPECT_EQ(record.price_date, "2026-06");
    EXPECT_EQ(record.run_id, "run");
    EXPECT_EQ(record.request_hash.size(), 64U);
    EXPECT_EQ(record.request_id, "c1");
    EXPECT_FALSE(record.scores.is_null());
  }
  EXPECT_EQ(server.request_count(), 1U);
}

TEST_F(HttpJudgeChain, AnotherRepeatOrModelOrStoryIsAnotherQuestion) {
  LoopbackServer server([](const ServerRequest&) { return good_answer(); });
  JudgeConfig config = config_for(server.url("/v1"));
  const auto judge = judge_with(config);
  Replies replies;
  judge->submit(request("a"), replies.put());
  judge->submit(request("a", 1), replies.put());
  judge->submit(request("b"), replies.put());
  config.temperature = 0.7;
  const auto other = judge_with(config);
  other->submit(request("a"), replies.put());
  replies.wait();
  EXPECT_EQ(server.request_count(), 4U);
}

TEST_F(HttpJudgeChain, EqualQuestionsInFlightAreOneCall) {
  LoopbackServer server([](const ServerRequest&) {
    Reply reply = good_answer();
    reply.delay_s = 0.05;
    return reply;
  });
  const auto judge = judge_with(config_for(server.url("/v1")));
  Replies replies;
  for (int i = 0; i < 10; ++i) judge->submit(request("a"), replies.put());
  double cost = 0.0;
  for (const JudgeReply& reply : replies.wait()) {
    EXPECT_TRUE(reply.verdict);
    cost += reply.cost_usd;
  }
  EXPECT_EQ(server.request_count(), 1U);
  EXPECT_DOUBLE_EQ(cost, kAnswerUsd);
}

TEST_F(HttpJudgeChain, AStoryThatDoesNotFitTheContextIsNotSent) {
  LoopbackServer server([](const ServerRequest&) { return good_answer(); });
  JudgeConfig config = config_for(server.url("/v1"));
  config.context_tokens = 12'000;
  const auto judge = judge_with(config);
  EXPECT_TRUE(ask(*judge, "A short story.").verdict);
  const JudgeReply reply = ask(*judge, std::string(40'000, 'x'));
  EXPECT_EQ(reply.failure, JudgeFailure::kTruncated);
  EXPECT_NE(reply.message.find("more than judge.context_tokens = 12000"), std::string::npos)
      << reply.message;
  EXPECT_EQ(server.request_count(), 1U);
  config.context_tokens = 2000;
  EXPECT_THROW(judge_with(config), Error) << "the rubric alone is longer";
}

/// A wall clock that somebody sets back and forth all the time.
class JumpingClock : public SystemClock {
 public:
  double wall_s() const override { return SystemClock::wall_s() + (jumps_++ % 2 ? 1e8 : -1e8); }

 private:
  mutable std::atomic<int> jumps_ = 0;
};

TEST_F(HttpJudgeChain, DoesNotMindAClockThatIsSet) {
  const JumpingClock jumping;
  clock = &jumping;
  std::atomic<int> calls = 0;
  LoopbackServer server([&](const ServerRequest&) {
    if (calls++ % 2 == 0)
      return failure_status(503, "soon",
                            {{"date", "Sun, 06 Nov 2033 08:49:37 GMT"},
                             {"retry-after", "Sun, 06 Nov 2033 08:49:37 GMT"}});
    return good_answer();
  });
  const auto judge = judge_with(config_for(server.url("/v1")));
  Replies replies;
  for (int i = 0; i < 20; ++i) judge->submit(request(fmt::format("{}", i)), replies.put());
  for (const JudgeReply& reply : replies.wait()) EXPECT_TRUE(reply.verdict) << reply.message;
}

TEST_F(HttpJudgeChain, ClosingItAnswersEverybody) {
  LoopbackServer server([](const ServerRequest&) { return Reply{.silent = true}; });
  JudgeConfig config = config_for(server.url("/v1"));
  config.concurrency = 2;
  auto judge = judge_with(config);
  Replies replies;
  for (int i = 0; i < 5; ++i) judge->submit(request(fmt::format("{}", i)), replies.put());
  server.wait_for_requests(2);
  judge.reset();
  for (const JudgeReply& reply : replies.wait()) {
    EXPECT_EQ(reply.failure, JudgeFailure::kTransport);
    EXPECT_FALSE(reply.message.empty());
  }
}

/// Serves two models that disagree.
Reply answer_of_model(const ServerRequest& request) {
  return good_answer(Json::parse(request.body).at("model") == "m" ? 2 : 6);
}

TEST_F(HttpJudgeChain, APanelAnswersWithTheMeanAndTheSpreadOfItsJudges) {
  LoopbackServer server(answer_of_model);
  JudgeConfig config = config_for(server.url("/v1"));
  config.panel = {"model=other temperature=0.5"};
  config.repeats = 2;
  config.prices = (folder / "prices.json").string();
  const auto judge = make_judge(config, setup);
  const JudgeReply reply = ask(*judge, "a");
  ASSERT_TRUE(reply.verdict);
  EXPECT_EQ(server.request_count(), 4U);
  EXPECT_EQ(spread_of(reply, {}).count, 4);
  EXPECT_DOUBLE_EQ(spread_of(reply, {}).mean, -4.0 * (2 + 6) / 2);
  const auto by_judge = spread_by_judge(reply);
  ASSERT_EQ(by_judge.size(), 2U);
  EXPECT_EQ(by_judge.at("m").count, 2);
  EXPECT_DOUBLE_EQ(by_judge.at("m").mean, -8);
  EXPECT_DOUBLE_EQ(by_judge.at("other").mean, -24);
  EXPECT_EQ(by_judge.at("other").sd, 0);
  EXPECT_EQ(to_json(by_judge), (Json{{"m", {{"answers", 2}, {"mean", -8.0}, {"sd", 0.0}}},
                                     {"other", {{"answers", 2}, {"mean", -24.0}, {"sd", 0.0}}}}));
}

TEST_F(HttpJudgeChain, APanelHasOneBudget) {
  LoopbackServer server(answer_of_model);
  std::ofstream(folder / "both.json") << R"({"models":{)"
                                      << R"("m":{"as_of":"2026-06","source":"test",)"
                                      << R"("default":{"input":1,"output":10}},)"
                                      << R"("other":{"as_of":"2026-06","source":"test",)"
                                      << R"("default":{"input":1,"output":10}}}})";
  JudgeConfig config = config_for(server.url("/v1"));
  config.panel = {"model=other"};
  config.prices = (folder / "both.json").string();
  config.budget_usd = 0.1;
  const auto judge = make_judge(config, setup);
  double cost = 0.0;
  int stopped = 0;
  Replies replies;
  for (int i = 0; i < 60; ++i) judge->submit(request(fmt::format("{}", i)), replies.put());
  for (const JudgeReply& reply : replies.wait()) {
    cost += reply.cost_usd;
    stopped += reply.stop ? 1 : 0;
  }
  EXPECT_GT(stopped, 0);
  EXPECT_GT(cost, config.budget_usd / 4);
  EXPECT_LE(cost, config.budget_usd);
}

}  // namespace
}  // namespace polaris
