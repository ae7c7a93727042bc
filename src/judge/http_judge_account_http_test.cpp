// What concerns the account: where its key goes, and its money.
#include <gtest/gtest.h>

#include "judge/http_judge_testing.h"

namespace polaris {
namespace {

using HttpJudgeChain = HttpJudgeTest;

TEST_F(HttpJudgeChain, ARedirectIsNotFollowed) {
  LoopbackServer elsewhere([](const ServerRequest&) { return good_answer(); });
  LoopbackServer server([&](const ServerRequest&) {
    return Reply{.status = 307, .headers = {{"location", elsewhere.url("/v1/chat/completions")}}};
  });
  const JudgeReply reply = ask(*judge_with(config_for(server.url("/v1"))), "a");
  EXPECT_FALSE(reply.verdict);
  EXPECT_EQ(elsewhere.request_count(), 0U) << "the key must not travel";
}

TEST_F(HttpJudgeChain, AServerWithoutAGoodCertificateIsNotAsked) {
  LoopbackServer server([](const ServerRequest&) { return good_answer(); }, "127.0.0.1");
  const auto judge = judge_with(config_for(server.url("/v1")));
  const JudgeReply reply = ask(*judge, "a");
  ASSERT_TRUE(reply.stop);
  EXPECT_EQ(reply.stop->code(), ErrorCode::kUnavailable);
  EXPECT_EQ(server.request_count(), 0U);

  std::ofstream(folder / "ca.pem") << server.certificate_pem();
  const auto trusting = judge_with(config_for(server.url("/v1")), {.ca_file = folder / "ca.pem"});
  EXPECT_TRUE(ask(*trusting, "a").verdict);
}

TEST_F(HttpJudgeChain, AWrongKeyStopsTheRunAtOnce) {
  LoopbackServer server([&](const ServerRequest&) {
    return failure_status(401, "Incorrect API key provided: " + key);
  });
  const auto judge = judge_with(config_for(server.url("/v1")));
  const JudgeReply reply = ask(*judge, "a");
  ASSERT_TRUE(reply.stop);
  EXPECT_EQ(reply.stop->code(), ErrorCode::kInvalidConfig);
  EXPECT_EQ(std::string(reply.stop->what()).find(key), std::string::npos);
  EXPECT_THROW(judge->submit(request("b"), [](JudgeReply) {}), Error);
  EXPECT_EQ(server.request_count(), 1U);
}

TEST_F(HttpJudgeChain, ARefusedKeyAmongAnswersIsTriedAgain) {
  std::atomic<int> calls = 0;
  LoopbackServer server(
      [&](const ServerRequest&) { return ++calls == 2 ? failure_status(401) : good_answer(); });
  const auto judge = judge_with(config_for(server.url("/v1")));
  EXPECT_TRUE(ask(*judge, "a").verdict);
  const JudgeReply reply = ask(*judge, "b");
  EXPECT_TRUE(reply.verdict) << "a gateway may be out of order for a moment";
  EXPECT_EQ(reply.attempts, 2);
}

TEST_F(HttpJudgeChain, TheKeyIsInNoFileAndNoWord) {
  int calls = 0;
  LoopbackServer server([&](const ServerRequest&) {
    switch (calls++) {
      case 0:
        return failure_status(500, "request with Bearer " + key + " failed");
      case 1:
        return completion("your key is " + key);
      default: {
        Json answer = answer_with(3);
        answer["overall_comment"] = "key: " + key;
        return completion(answer.dump());
      }
    }
  });
  std::string words;
  {
    const auto judge = judge_with(config_for(server.url("/v1")));
    const JudgeReply reply = ask(*judge, "a");
    ASSERT_TRUE(reply.verdict);
    words = reply.message + all_notes() + dump_json(to_json(*reply.records[0]));
  }
  EXPECT_EQ(words.find(key), std::string::npos);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(content.find(key), std::string::npos) << entry.path();
  }
  EXPECT_GE(files, 2);
}

TEST_F(HttpJudgeChain, TheBudgetHoldsAndTheRunGoesOnWithALargerOne) {
  LoopbackServer server([](const ServerRequest&) {
    Reply reply = good_answer();
    reply.delay_s = 0.005;
    return reply;
  });
  JudgeConfig config = config_for(server.url("/v1"));
  config.budget_usd = 0.15;  // a call of 1000 output tokens may cost 0.01 and its input
  const auto ask_all = [&] {
    const auto judge = judge_with(config);
    Replies replies;
    for (int i = 0; i < 100; ++i) {
      try {
        judge->submit(request(fmt::format("story {}", i)), replies.put());
      } catch (const Error& e) {
        replies.put()({.failure = JudgeFailure::kTransport, .stop = e});
      }
    }
    return replies.wait();
  };
  int verdicts = 0;
  int stopped = 0;
  double cost = 0.0;
  Replies unused;
  const auto judge = judge_with(config);
  Replies replies;
  for (int i = 0; i < 100; ++i) {
    try {
      OnReply put = replies.put();
      judge->submit(request(fmt::format("story {}", i)), put);
    } catch (const Error& e) {
      ADD_FAILURE() << "all are in line before the first answer: " << e.what();
    }
  }
  for (const JudgeReply& reply : replies.wait()) {
    cost += reply.cost_usd;
    verdicts += reply.verdict ? 1 : 0;
    if (!reply.stop) continue;
    ++stopped;
    EXPECT_EQ(reply.stop->code(), ErrorCode::kBudget);
  }
  EXPECT_EQ(verdicts + stopped, 100);
  EXPECT_LE(cost, config.budget_usd);
  EXPECT_GT(cost, config.budget_usd / 2);
  EXPECT_NEAR(cost, verdicts * kAnswerUsd, 1e-12);
  const std::size_t before = server.request_count();
  EXPECT_EQ(before, static_cast<std::size_t>(verdicts));

  config.budget_usd = 1.0;
  const auto rest = ask_all();
  for (const JudgeReply& reply : rest) EXPECT_TRUE(reply.verdict) << reply.message;
  EXPECT_EQ(server.request_count(), 100U) << "no story is paid for twice";
}

TEST_F(HttpJudgeChain, AnEarlierPartOfTheRunCountsAgainstTheBudget) {
  LoopbackServer server([](const ServerRequest&) { return good_answer(); });
  JudgeConfig config = config_for(server.url("/v1"));
  EXPECT_TRUE(ask(*judge_with(config), "a").verdict);
  config.budget_usd = kAnswerUsd + 0.001;
  const JudgeReply same_run = ask(*judge_with(config), "b");
  EXPECT_TRUE(same_run.stop);
  EXPECT_TRUE(ask(*judge_with(config), "a").verdict) << "a stored answer costs nothing";
  setup.run_id = "another run";
  config.budget_usd = 0.5;
  EXPECT_TRUE(ask(*judge_with(config), "b").verdict);
}

TEST_F(HttpJudgeChain, ABudgetNeedsThePrice) {
  JudgeConfig config = config_for("http://127.0.0.1:1/v1");
  config.model = "unheard-of";
  config.budget_usd = 1;
  EXPECT_THROW(judge_with(config), Error);
  config.budget_usd = 0;
  judge_with(config);
  EXPECT_NE(all_notes().find("the price of unheard-of is not known"), std::string::npos);
}

}  // namespace
}  // namespace polaris
