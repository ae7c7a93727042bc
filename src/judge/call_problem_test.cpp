#include "judge/call_problem.h"

#include <gtest/gtest.h>

#include "judge/vendor_error.h"

namespace polaris {
namespace {

constexpr double kNow = 784111700.0;  // 77 s before the date in RFC 9110's example

CallProblem problem(int status, const std::string& body, const HttpHeaders& headers = {}) {
  return problem_of(HttpResponse{.status = status, .headers = headers, .body = body}, kNow);
}

TEST(CallProblem, WhatMayPassIsTransient) {
  for (const int status : {408, 409, 425, 429, 500, 502, 503, 504, 529})
    EXPECT_TRUE(problem(status, "").transient) << status;
  for (const int status : {301, 400, 401, 403, 404, 413, 422, 501, 505})
    EXPECT_FALSE(problem(status, "").transient) << status;
  for (const int status : {429, 503, 529}) EXPECT_TRUE(problem(status, "").overloaded) << status;
  EXPECT_FALSE(problem(500, "").overloaded);
}

TEST(CallProblem, OpenaisRateLimitPassesAndItsQuotaDoesNot) {
  const CallProblem rate = problem(429,
                                   R"({"error": {"message": "Rate limit reached for gpt-5.4",
                                       "type": "tokens", "param": null,
                                       "code": "rate_limit_exceeded"}})",
                                   {{"Retry-After", "12"}});
  EXPECT_TRUE(rate.transient);
  EXPECT_TRUE(rate.overloaded);
  EXPECT_EQ(rate.wait_s, 12.0);
  EXPECT_EQ(rate.message.find('\n'), std::string::npos);
  EXPECT_TRUE(rate.message.starts_with("HTTP 429: rate_limit_exceeded tokens: Rate limit reached"));

  const CallProblem quota = problem(429, R"({"error": {"message": "You exceeded your current quota",
    "type": "insufficient_quota", "param": null, "code": "insufficient_quota"}})");
  EXPECT_FALSE(quota.transient);
  EXPECT_TRUE(quota.fatal);
  EXPECT_TRUE(problem(402, R"({"error":{"message":"Insufficient Balance"}})").fatal);
}

TEST(CallProblem, FlexCapacityIsTransient) {
  EXPECT_TRUE(problem(429, R"({"error":{"message":"Resource unavailable","type":"invalid_request",
    "code":"resource_unavailable"}})")
                  .overloaded);
}

TEST(CallProblem, GooglesRetryInfoSaysHowLongToWait) {
  const CallProblem limited = problem(429, R"([{"error": {"code": 429,
    "message": "Resource has been exhausted.", "status": "RESOURCE_EXHAUSTED", "details": [
      {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
      {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]}}])");
  EXPECT_EQ(limited.wait_s, 34.07);
  EXPECT_TRUE(limited.transient);
  EXPECT_EQ(limited.message, "HTTP 429: RESOURCE_EXHAUSTED: Resource has been exhausted.");
  EXPECT_TRUE(problem(400, R"({"error":{"code":400,"message":"API key not valid.",
                               "status":"INVALID_ARGUMENT"}})")
                  .fatal);
}

TEST(CallProblem, AnthropicsOverloadIsTransient) {
  const CallProblem overloaded = problem(529, R"({"type": "error", "error":
    {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"})");
  EXPECT_TRUE(overloaded.transient);
  EXPECT_EQ(overloaded.message, "HTTP 529: overloaded_error: Overloaded");
}

TEST(CallProblem, AQuestionLongerThanTheContextFailsWithTheServersNumbers) {
  const CallProblem longer = problem(400, R"({"error":{"code":400,
    "message":"request (16425 tokens) exceeds the available context size (8192 tokens), try increasing it",
    "type":"exceed_context_size_error","n_prompt_tokens":16425,"n_ctx":8192}})");
  EXPECT_FALSE(longer.transient || longer.fatal || longer.schema_refused);
  EXPECT_EQ(longer.message,
            "HTTP 400: exceed_context_size_error: request (16425 tokens) exceeds the available "
            "context size (8192 tokens), try increasing it");
}

TEST(CallProblem, ReadsTheWaitFromHeadersInTheirOrder) {
  const auto wait = [](const HttpHeaders& headers) { return problem(503, "", headers).wait_s; };
  EXPECT_EQ(wait({{"retry-after", "5"}, {"Retry-After-Ms", "250"}}), 0.25);
  EXPECT_EQ(wait({{"Retry-After", "0.5"}}), 0.5);
  EXPECT_EQ(wait({{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}}), 77.0);
  EXPECT_EQ(wait({{"Retry-After", "Sun, 06 Nov 1994 08:40:00 GMT"}}), 0.0);
  for (const char* odd : {"", "soon", "-5", "inf", "nan", "1e999"})
    EXPECT_EQ(wait({{"Retry-After", odd}}), std::nullopt) << odd;
}

TEST(CallProblem, ObeysAdviceAboutRetrying) {
  EXPECT_FALSE(problem(503, "", {{"x-should-retry", "false"}}).transient);
  EXPECT_TRUE(problem(400, "", {{"x-should-retry", "true"}}).transient);
  EXPECT_FALSE(problem(401, "", {{"x-should-retry", "true"}}).transient) << "the key stays wrong";
}

TEST(CallProblem, AWrongKeyModelOrAddressIsFatal) {
  for (const int status : {401, 403, 404, 405}) EXPECT_TRUE(problem(status, "").fatal) << status;
  EXPECT_FALSE(problem(400, R"({"error":{"message":"context_length_exceeded"}})").fatal);
  EXPECT_TRUE(problem_of(HttpFailure{.kind = HttpFailureKind::kTls}).fatal);
}

TEST(CallProblem, AFilterThatStopsTheQuestionIsBlocked) {
  for (const char* body :
       {R"({"error":{"code":"content_filter","message":"The response was filtered"}})",
        R"({"error":{"code":"content_policy_violation","message":"x"}})",
        R"({"error":{"code":"invalid_prompt","message":"x"}})",
        R"({"type":"error","error":{"type":"invalid_request_error",
            "message":"Output blocked by content filtering policy"}})"}) {
    const CallProblem blocked = problem(400, body);
    EXPECT_EQ(blocked.failure, JudgeFailure::kBlocked) << body;
    EXPECT_FALSE(blocked.transient);
    EXPECT_FALSE(blocked.fatal);
  }
}

TEST(CallProblem, AServerThatRefusesTheSchemaIsRecognised) {
  EXPECT_TRUE(problem(400, R"({"error":{"code":400,"message":
    "Either \"json_schema\" or \"grammar\" can be specified, but not both"}})")
                  .schema_refused);
  EXPECT_TRUE(problem(400, R"({"object":"error","message":
    "response_format is not supported"})")
                  .schema_refused);
  EXPECT_FALSE(problem(400, R"({"error":{"message":"temperature too high"}})").schema_refused);
  EXPECT_FALSE(problem(500, R"({"error":{"message":"schema"}})").schema_refused);
}

TEST(CallProblem, ProxiesAndOthersAreQuotedShortly) {
  EXPECT_EQ(problem(502, "<html>\r\nBad Gateway\r\n</html>").message,
            "HTTP 502: <html>  Bad Gateway  </html>");
  EXPECT_LT(problem(500, std::string(100'000, 'x')).message.size(), 400U);
  EXPECT_EQ(problem(500, "").message, "HTTP 500");
  EXPECT_EQ(problem(422, R"({"detail":"no such model"})").message, "HTTP 422: no such model");
  EXPECT_EQ(problem(500, R"({"error":"busy"})").message, "HTTP 500: busy");
}

TEST(CallProblem, OnlyAnExpiredDeadlineIsATimeout) {
  const CallProblem timeout =
      problem_of(HttpFailure{.kind = HttpFailureKind::kTimeout, .message = "m"});
  EXPECT_EQ(timeout.failure, JudgeFailure::kTimeout);
  EXPECT_TRUE(timeout.transient);
  EXPECT_EQ(timeout.message, "m");
  EXPECT_EQ(problem(504, "").failure, JudgeFailure::kTransport);
  EXPECT_TRUE(problem_of(HttpFailure{.kind = HttpFailureKind::kConnect}).transient);
  EXPECT_TRUE(problem_of(HttpFailure{.kind = HttpFailureKind::kDisconnected}).transient);
  EXPECT_FALSE(problem_of(HttpFailure{.kind = HttpFailureKind::kTooLarge}).transient);
  EXPECT_FALSE(problem_of(HttpFailure{.kind = HttpFailureKind::kCancelled}).transient);
}

TEST(ProblemInBody, IsAnErrorWithAGoodStatus) {
  EXPECT_FALSE(problem_in_body(Json::parse(R"({"choices":[],"error":null})")));
  EXPECT_FALSE(problem_in_body(Json::parse("[]")));
  const auto gateway =
      problem_in_body(Json::parse(R"({"error":{"code":429,"message":"upstream is busy"}})"));
  ASSERT_TRUE(gateway);
  EXPECT_TRUE(gateway->transient);
  EXPECT_EQ(gateway->message, "the answer is an error: upstream is busy");
  EXPECT_TRUE(
      problem_in_body(
          Json::parse(R"({"status":"failed","error":{"code":"server_error","message":"m"}})"))
          ->transient);
  EXPECT_EQ(
      problem_in_body(
          Json::parse(R"({"status":"failed","error":{"code":"invalid_prompt","message":"m"}})"))
          ->failure,
      JudgeFailure::kBlocked);
}

}  // namespace
}  // namespace polaris
