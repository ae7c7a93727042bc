#include <gtest/gtest.h>

#include "judge/answer_store.h"
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

TEST_F(HttpJudgeChain, AnswersThatDoNotCountAreBilledAndAskedForAgain) {
  Json out_of_range = answer_with(5);
  out_of_range[shipped_rubric().positive[0].key]["score"] = 99;
  Json missing = answer_with(5);
  missing.erase(shipped_rubric().negative[3].key);
  std::string not_a_number = answer_with(5).dump();
  not_a_number.replace(not_a_number.find("\"score\":5"), 9, "\"score\":NaN");
  const std::vector<std::pair<Reply, JudgeFailure>> odd = {
      {completion(""), JudgeFailure::kEmpty},
      {completion("A fine story."), JudgeFailure::kUnparseable},
      {completion(not_a_number), JudgeFailure::kInvalid},
      {completion(out_of_range.dump()), JudgeFailure::kInvalid},
      {completion(missing.dump()), JudgeFailure::kInvalid},
      {completion(R"({"a": "b"})"), JudgeFailure::kInvalid},
      {completion("{\"premise", "length"), JudgeFailure::kTruncated}};
  for (const auto& [answer, failure] : odd) {
    SCOPED_TRACE(failure_name(failure));
    LoopbackServer server([&, given = 0, reply = answer](const ServerRequest&) mutable {
      return given++ == 0 ? reply : good_answer();
    });
    const JudgeReply reply = ask(*judge_with(config_for(server.url("/v1"))), "a");
    EXPECT_TRUE(reply.verdict) << reply.message;
    EXPECT_EQ(reply.attempts, 2);
    EXPECT_DOUBLE_EQ(reply.cost_usd, 2 * kAnswerUsd);

    JudgeConfig once = config_for(server.url("/v1"));
    once.max_attempts = 1;
    once.cache = (folder / "other.db").string();
    LoopbackServer odd_server([&, reply = answer](const ServerRequest&) { return reply; });
    once.base_url = odd_server.url("/v1");
    EXPECT_EQ(ask(*judge_with(once), "a").failure, failure);
  }
}

TEST_F(HttpJudgeChain, FencesAndProseAroundTheAnswerAreReadThrough) {
  for (const std::string& text :
       {"```json\n" + answer_with(5).dump() + "\n```",
        "Here is my verdict:\n" + answer_with(5).dump() + "\nI hope it helps."}) {
    LoopbackServer server([&](const ServerRequest&) { return completion(text); });
    const JudgeReply reply = ask(*judge_with(config_for(server.url("/v1"))), "a");
    EXPECT_TRUE(reply.verdict) << reply.message;
    EXPECT_EQ(reply.attempts, 1);
  }
}

TEST_F(HttpJudgeChain, ATruncatedAnswerGetsTwiceTheRoom) {
  std::vector<int> limits;
  LoopbackServer server([&](const ServerRequest& request) {
    limits.push_back(Json::parse(request.body)["max_tokens"]);
    return limits.size() < 3 ? completion("{", "length") : good_answer();
  });
  EXPECT_TRUE(ask(*judge_with(config_for(server.url("/v1"))), "a").verdict);
  EXPECT_EQ(limits, (std::vector{1000, 2000, 4000}));
}

TEST_F(HttpJudgeChain, AfterTheLastAttemptThereIsAFailureWithItsReasonAndCost) {
  LoopbackServer server([](const ServerRequest&) { return completion("no verdict today"); });
  JudgeConfig config = config_for(server.url("/v1"));
  config.max_attempts = 3;
  const JudgeReply reply = ask(*judge_with(config), "a");
  EXPECT_FALSE(reply.verdict);
  EXPECT_EQ(reply.failure, JudgeFailure::kUnparseable);
  EXPECT_FALSE(reply.message.empty());
  EXPECT_FALSE(reply.stop);
  EXPECT_EQ(server.request_count(), 3U);
  EXPECT_DOUBLE_EQ(reply.cost_usd, 3 * kAnswerUsd);
  EXPECT_DOUBLE_EQ(AnswerStore(folder / "judge.db").spending("run").usd, 3 * kAnswerUsd);
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

/// What a request asks the server to hold the answer to.
std::string form_in(const ServerRequest& request) {
  const Json body = Json::parse(request.body);
  if (body.contains("response_format")) return "native";
  return body.contains("grammar") ? "grammar" : "prompt";
}

TEST_F(HttpJudgeChain, FindsTheFormThatAServerTakesAndRemembersIt) {
  std::vector<std::string> forms;
  LoopbackServer server([&](const ServerRequest& request) {
    forms.push_back(form_in(request));
    if (forms.back() == "prompt") return good_answer();
    return failure_status(400, fmt::format("response_format / grammar are not supported"));
  });
  const JudgeConfig config = config_for(server.url("/v1"));
  EXPECT_TRUE(ask(*judge_with(config), "a").verdict);
  EXPECT_EQ(forms, (std::vector<std::string>{"native", "native", "grammar", "grammar", "prompt"}));
  forms.clear();
  EXPECT_TRUE(ask(*judge_with(config), "b").verdict);
  EXPECT_EQ(forms, std::vector<std::string>{"prompt"});
}

TEST_F(HttpJudgeChain, OneRefusalErrorOrOddAnswerChangesNoForm) {
  const std::vector<Reply> odd = {failure_status(400, "schema too complex today"),
                                  failure_status(500), completion("no JSON"), completion("{}"),
                                  good_answer()};
  std::vector<std::string> forms;
  LoopbackServer server([&](const ServerRequest& request) {
    forms.push_back(form_in(request));
    return forms.size() <= odd.size() ? odd[forms.size() - 1] : good_answer();
  });
  EXPECT_TRUE(ask(*judge_with(config_for(server.url("/v1"))), "a").verdict);
  EXPECT_EQ(forms, std::vector<std::string>(5, "native"));
}

TEST_F(HttpJudgeChain, TheConfiguredFormIsNotChanged) {
  LoopbackServer server([&](const ServerRequest& request) {
    EXPECT_EQ(form_in(request), "grammar");
    return failure_status(400, "grammar is not supported");
  });
  JudgeConfig config = config_for(server.url("/v1"));
  config.schema = SchemaMode::kGrammar;
  const JudgeReply reply = ask(*judge_with(config), "a");
  EXPECT_FALSE(reply.verdict);
  EXPECT_NE(reply.message.find("grammar is not supported"), std::string::npos);
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
