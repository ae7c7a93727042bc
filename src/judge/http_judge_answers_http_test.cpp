// Answers that do not count, and the form in which answers are asked for.
#include <gtest/gtest.h>

#include "judge/answer_store.h"
#include "judge/http_judge_testing.h"

namespace polaris {
namespace {

using HttpJudgeChain = HttpJudgeTest;

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

/// Answers that end for want of room after 100 of 1000 tokens.
Reply cut_answer() { return completion(answer_with(5).dump().substr(0, 200), "length"); }

TEST_F(HttpJudgeChain, AServerWhoseContextIsFullIsAskedOnceForItsSize) {
  std::vector<std::string> asked;
  LoopbackServer server([&](const ServerRequest& request) {
    if (request.method == "POST") return cut_answer();
    asked.push_back(request.target);
    EXPECT_EQ(find_header(request.headers, "authorization"), "Bearer " + key);
    return Reply{.body = R"({"default_generation_settings":{"n_ctx":4096}})"};
  });
  JudgeConfig config = config_for(server.url("/v1"));
  config.max_attempts = 1;
  const auto judge = judge_with(config);
  const JudgeReply first = ask(*judge, "a");
  EXPECT_EQ(first.failure, JudgeFailure::kTruncated);
  while (all_notes().find("holds 4096 tokens") == std::string::npos)
    ASSERT_TRUE(server.wait_for_requests(2));
  const JudgeReply second = ask(*judge, "b");
  EXPECT_NE(second.message.find("(it holds 4096 tokens)"), std::string::npos) << second.message;
  EXPECT_EQ(asked, std::vector<std::string>{"/props"});
}

TEST_F(HttpJudgeChain, AServerThatDoesNotTellItsContextIsLeftInPeace) {
  LoopbackServer server([&](const ServerRequest& request) {
    return request.method == "POST" ? cut_answer() : failure_status(404);
  });
  JudgeConfig config = config_for(server.url("/v1"));
  config.max_attempts = 1;
  const auto judge = judge_with(config);
  EXPECT_EQ(ask(*judge, "a").failure, JudgeFailure::kTruncated);
  ASSERT_TRUE(server.wait_for_requests(3));
  EXPECT_EQ(ask(*judge, "b").failure, JudgeFailure::kTruncated);
  EXPECT_EQ(server.request_count(), 4U);
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

}  // namespace
}  // namespace polaris
