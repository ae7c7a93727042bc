// Calls without an answer: when they are made again, and in which tier.
#include <gtest/gtest.h>

#include "judge/answer_store.h"
#include "judge/http_judge_testing.h"

namespace polaris {
namespace {

using HttpJudgeChain = HttpJudgeTest;

TEST_F(HttpJudgeChain, TransientFailuresAreRepeatedAndCostNothing) {
  const std::vector<Reply> faults = {failure_status(408), failure_status(500), failure_status(503),
                                     failure_status(529),
                                     failure_status(429, "slow", {{"retry-after-ms", "20"}})};
  int calls = 0;
  LoopbackServer server([&](const ServerRequest&) {
    return calls < static_cast<int>(faults.size()) ? faults[calls++] : good_answer();
  });
  const JudgeReply reply = ask(*judge_with(config_for(server.url("/v1"))), "a");
  EXPECT_TRUE(reply.verdict) << reply.message;
  EXPECT_EQ(reply.attempts, 6);
  EXPECT_DOUBLE_EQ(reply.cost_usd, kAnswerUsd);
}

TEST_F(HttpJudgeChain, RetryAfterIsHonoured) {
  std::atomic<int> calls = 0;
  LoopbackServer server([&](const ServerRequest&) {
    return calls++ == 0 ? failure_status(429, "slow", {{"retry-after", "0.3"}}) : good_answer();
  });
  const double start = system_clock.steady_s();
  EXPECT_TRUE(ask(*judge_with(config_for(server.url("/v1"))), "a").verdict);
  EXPECT_GE(system_clock.steady_s() - start, 0.3);
}

TEST_F(HttpJudgeChain, ALongWaitPausesEverybody) {
  LoopbackServer server([](const ServerRequest&) {
    return failure_status(429, "m", {{"retry-after", "500"}});
  });
  JudgeConfig config = config_for(server.url("/v1"));
  config.concurrency = 1;
  auto judge = judge_with(config);
  Replies replies;
  judge->submit(request("a"), replies.put());
  while (all_notes().find("asks for a pause of 500 s") == std::string::npos)
    ASSERT_TRUE(server.wait_for_requests(1));
  judge->submit(request("b"), replies.put());
  judge.reset();
  for (const JudgeReply& reply : replies.wait()) EXPECT_FALSE(reply.verdict);
  EXPECT_EQ(server.request_count(), 1U) << "the second story was held back";
}

TEST_F(HttpJudgeChain, AUsedUpQuotaIsWaitedFor) {
  std::vector<double> times;
  LoopbackServer server([&](const ServerRequest&) {
    times.push_back(system_clock.steady_s());
    Reply reply = good_answer();
    reply.headers.push_back({"x-ratelimit-remaining-requests", "0"});
    reply.headers.push_back({"x-ratelimit-reset-requests", "300ms"});
    return reply;
  });
  const auto judge = judge_with(config_for(server.url("/v1")));
  EXPECT_TRUE(ask(*judge, "a").verdict);
  EXPECT_TRUE(ask(*judge, "b").verdict);
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[1] - times[0], 0.3);
}

TEST_F(HttpJudgeChain, OnlyTimeoutsAreRepeatedWhereThePublishedRuleIsAskedFor) {
  std::atomic<int> calls = 0;
  LoopbackServer server([&](const ServerRequest&) {
    return calls++ == 0 ? Reply{.silent = true} : failure_status(500);
  });
  JudgeConfig config = config_for(server.url("/v1"));
  config.retry = JudgeRetry::kTimeouts;
  config.deadline_s = 1.5;
  const JudgeReply reply = ask(*judge_with(config), "a");
  EXPECT_EQ(reply.failure, JudgeFailure::kTransport);
  EXPECT_EQ(reply.attempts, 2);
}

TEST_F(HttpJudgeChain, SlowCutAndGiantAnswersAreFailuresOfTheirKind) {
  Reply drip = good_answer();
  drip.drip = {.bytes = 1, .every_s = 0.05};
  Reply cut = good_answer();
  cut.cut_after = 100;
  const std::vector<std::pair<Reply, JudgeFailure>> cases = {
      {drip, JudgeFailure::kTimeout},
      {{.silent = true}, JudgeFailure::kTimeout},
      {cut, JudgeFailure::kTransport},
      {{.raw = "not HTTP at all\r\n\r\n"}, JudgeFailure::kTransport},
      {{.body = std::string(9 << 20, ' ')}, JudgeFailure::kTransport},
      {{.body = "<html>log in</html>"}, JudgeFailure::kTransport}};
  for (const auto& [answer, failure] : cases) {
    LoopbackServer server([&, reply = answer](const ServerRequest&) { return reply; });
    JudgeConfig config = config_for(server.url("/v1"));
    if (failure == JudgeFailure::kTimeout) config.deadline_s = 0.2;
    config.max_attempts = 2;
    const JudgeReply reply = ask(*judge_with(config), "a");
    EXPECT_FALSE(reply.verdict);
    EXPECT_EQ(reply.failure, failure) << reply.message;
    EXPECT_EQ(reply.cost_usd, 0.0);
  }
  const auto spending = AnswerStore(folder / "judge.db").spending("run");
  EXPECT_EQ(spending.usd, 0.0);
  EXPECT_GT(spending.possible_calls, 0) << "the vendor may have done the work";
}

/// The tier that a request asks for.
std::string tier_in(const ServerRequest& request) {
  return Json::parse(request.body).value("service_tier", "default");
}

/// Refuses every call in the flex tier, which costs a hundredth of the default one.
class HttpJudgeFlex : public HttpJudgeTest {
 protected:
  HttpJudgeFlex() {
    std::ofstream(folder / "prices.json")
        << R"({"models":{"m":{"as_of":"2026-06","source":"test",)"
        << R"("default":{"input":1,"output":10},"flex":{"input":0.01,"output":0.1}}}})";
    config.tier = JudgeTier::kFlex;
    config.flex_refusals = 2;
  }

  std::vector<std::string> tiers;  // of the calls
  LoopbackServer server{[this](const ServerRequest& request) {
    tiers.push_back(tier_in(request));
    return tiers.back() == "flex" ? failure_status(429, "no room", {{"retry-after-ms", "5"}})
                                  : good_answer();
  }};
  JudgeConfig config = config_for(server.url("/v1"));
};

TEST_F(HttpJudgeFlex, AStoryThatTheTierRefusesGoesToTheDefaultTierAtItsPrice) {
  const JudgeReply reply = ask(*judge_with(config), "a");
  EXPECT_TRUE(reply.verdict) << reply.message;
  EXPECT_EQ(tiers, (std::vector<std::string>{"flex", "flex", "default"}));
  EXPECT_DOUBLE_EQ(reply.cost_usd, kAnswerUsd);
  EXPECT_NE(all_notes().find("has refused a story 2 times"), std::string::npos) << all_notes();
  EXPECT_TRUE(ask(*judge_with(config), "a").cached) << "the tier is no part of the question";
}

TEST_F(HttpJudgeFlex, StaysInItsTierUnlessItMayLeave) {
  config.flex_refusals = 0;
  config.max_attempts = 3;
  const JudgeReply reply = ask(*judge_with(config), "a");
  EXPECT_EQ(reply.failure, JudgeFailure::kTransport);
  EXPECT_EQ(tiers, (std::vector<std::string>{"flex", "flex", "flex"}));
}

TEST_F(HttpJudgeFlex, TheBudgetHoldsInTheDearerTierToo) {
  config.budget_usd = 0.005;  // 1000 output tokens may cost 0.0001, in the default tier 0.01
  const JudgeReply reply = ask(*judge_with(config), "a");
  ASSERT_TRUE(reply.stop) << reply.message;
  EXPECT_EQ(reply.stop->code(), ErrorCode::kBudget);
  EXPECT_EQ(tiers, (std::vector<std::string>{"flex", "flex"}));
}

}  // namespace
}  // namespace polaris
