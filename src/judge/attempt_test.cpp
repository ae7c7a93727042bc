#include "judge/attempt.h"

#include <gtest/gtest.h>

#include "judge/dialects/table.h"
#include "judge/judge_testing.h"

namespace polaris {
namespace {

constexpr std::int64_t kLimit = 16000;

Attempt read(const HttpResult& result) {
  return read_attempt(result, kOpenaiChat, "Mara went.", shipped_rubric(), {}, kLimit,
                      /*now_wall_s=*/0);
}
Attempt read_body(const std::string& body) {
  return read(HttpResponse{.status = 200, .body = body});
}

/// A chat completion with that text.
std::string completion(const std::string& text, const char* finish = "stop") {
  return Json{{"choices", {{{"message", {{"content", text}}}, {"finish_reason", finish}}}},
              {"usage", {{"prompt_tokens", 10}, {"completion_tokens", 5}}}}
      .dump();
}

TEST(Attempt, AGoodAnswerIsAVerdict) {
  const Attempt attempt = read_body(completion(answer_with(4).dump()));
  ASSERT_TRUE(attempt.answer);
  EXPECT_FALSE(attempt.problem);
  ASSERT_TRUE(attempt.grade.verdict);
  EXPECT_EQ(attempt.grade.verdict->positive[0], 4);
  EXPECT_EQ(attempt.answer->usage.output_tokens, 5);
  EXPECT_FALSE(attempt.may_repeat);
  EXPECT_EQ(attempt.next_output_limit, kLimit);
}

TEST(Attempt, AnAnswerThatDoesNotCountMayBeAskedForAgain) {
  for (const auto& [body, failure] :
       {std::pair{completion("no"), JudgeFailure::kUnparseable},
        std::pair{completion("{}"), JudgeFailure::kInvalid},
        std::pair{completion(""), JudgeFailure::kEmpty},
        std::pair{completion("{", "length"), JudgeFailure::kTruncated}}) {
    const Attempt attempt = read_body(body);
    EXPECT_EQ(attempt.grade.failure, failure);
    EXPECT_TRUE(attempt.may_repeat);
    EXPECT_EQ(attempt.next_output_limit, failure == JudgeFailure::kTruncated ? 2 * kLimit : kLimit);
    EXPECT_EQ(attempt.answer->usage.input_tokens, 10) << "it was paid for";
  }
}

TEST(Attempt, AnAnswerThatIsCutSaysWhetherTheLimitOrTheContextCutIt) {
  const auto cut_after = [](std::int64_t tokens) {
    Json body = Json::parse(completion("{", "length"));
    body["usage"] = {{"prompt_tokens", 6000}, {"completion_tokens", tokens}};
    return read_body(body.dump()).grade.message;
  };
  EXPECT_NE(cut_after(kLimit).find("raise judge.max_output_tokens"), std::string::npos);
  const std::string context = cut_after(2192);
  for (const char* number : {"2192", "16000", "6000"})
    EXPECT_NE(context.find(number), std::string::npos) << context;
}

TEST(Attempt, ABlockedAnswerIsNotAskedForAgain) {
  const Attempt attempt = read_body(completion("", "content_filter"));
  EXPECT_EQ(attempt.grade.failure, JudgeFailure::kBlocked);
  EXPECT_FALSE(attempt.may_repeat);
}

TEST(Attempt, ACallThatFailedHasItsProblem) {
  const Attempt limited = read(HttpResponse{
      .status = 429, .headers = {{"retry-after", "7"}}, .body = R"({"error":{"message":"m"}})"});
  EXPECT_FALSE(limited.answer);
  ASSERT_TRUE(limited.problem);
  EXPECT_EQ(limited.grade.failure, JudgeFailure::kTransport);
  EXPECT_EQ(limited.grade.message, "HTTP 429: m");
  EXPECT_TRUE(limited.may_repeat);
  EXPECT_EQ(limited.wait_s, 7.0);

  const Attempt wrong_key = read(HttpResponse{.status = 401});
  EXPECT_TRUE(wrong_key.problem->fatal);
  EXPECT_FALSE(wrong_key.may_repeat);

  const Attempt timeout = read(HttpFailure{.kind = HttpFailureKind::kTimeout, .message = "t"});
  EXPECT_EQ(timeout.grade.failure, JudgeFailure::kTimeout);
  EXPECT_TRUE(timeout.may_repeat);
}

TEST(Attempt, ABodyThatIsNoAnswerIsAProblem) {
  const Attempt page = read_body("<html>Please log in</html>");
  EXPECT_EQ(page.grade.failure, JudgeFailure::kTransport);
  EXPECT_TRUE(page.may_repeat);
  EXPECT_FALSE(page.answer);
  const Attempt gateway = read_body(R"({"error":{"code":502,"message":"upstream"}})");
  EXPECT_EQ(gateway.grade.failure, JudgeFailure::kTransport);
  EXPECT_TRUE(gateway.may_repeat);
  EXPECT_EQ(read_body("{}").grade.failure, JudgeFailure::kEmpty);
}

}  // namespace
}  // namespace polaris
