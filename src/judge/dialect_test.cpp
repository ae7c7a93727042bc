#include "judge/dialect.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "judge/dialects/dialect_testing.h"
#include "judge/dialects/table.h"

namespace polaris {
namespace {

VendorCall call_of(const JudgeConfig& config) {
  return dialect_of(config).call(config, test_question());
}

TEST(Dialect, EveryConfigurationHasOne) {
  EXPECT_EQ(&dialect_of({.dialect = JudgeDialect::kOpenai}), &kOpenaiChat);
  EXPECT_EQ(&dialect_of({.dialect = JudgeDialect::kOpenai, .api = JudgeApi::kResponses}),
            &kOpenaiResponses);
  EXPECT_EQ(&dialect_of({.dialect = JudgeDialect::kGemini}), &kGemini);
  EXPECT_EQ(&dialect_of({.dialect = JudgeDialect::kVertex}), &kVertex);
  EXPECT_EQ(&dialect_of({.dialect = JudgeDialect::kAnthropic}), &kAnthropic);
}

TEST(Dialect, TheKeyGoesIntoItsHeaderAndNowhereElse) {
  for (const Dialect* dialect :
       {&kOpenaiChat, &kOpenaiResponses, &kGemini, &kVertex, &kAnthropic}) {
    const JudgeConfig config{.model = "m", .project = "p"};
    HttpRequest request = http_request(config, dialect->call(config, test_question()));
    validate(request);
    const std::size_t headers = request.headers.size();
    add_key(request, *dialect, "");
    EXPECT_EQ(request.headers.size(), headers) << "a local server needs no key";
    add_key(request, *dialect, "sk-secret");
    validate(request);
    const auto value = find_header(request.headers, dialect->key.name);
    ASSERT_TRUE(value);
    EXPECT_TRUE(value->ends_with("sk-secret"));
    EXPECT_EQ(request.url.find("secret"), std::string::npos);
    EXPECT_EQ(request.body.find("secret"), std::string::npos);
  }
}

TEST(Dialect, ARequestIsAPostOfJsonWithTheTiersDeadline) {
  JudgeConfig config{.dialect = JudgeDialect::kGemini, .model = "gemini-3-flash-preview"};
  HttpRequest request = http_request(config, call_of(config));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(find_header(request.headers, "content-type"), "application/json");
  EXPECT_EQ(Json::parse(request.body), Json(call_of(config).body));
  EXPECT_EQ(request.deadline_s, 600);
  config.tier = JudgeTier::kFlex;
  EXPECT_EQ(http_request(config, call_of(config)).deadline_s, 1200);
  config.deadline_s = 30;
  EXPECT_EQ(http_request(config, call_of(config)).deadline_s, 30);
}

TEST(Dialect, ABodyWithBrokenTextCanStillBeSent) {
  ModelQuestion question = test_question();
  question.messages.user += "\xFF";
  const JudgeConfig config{.model = "m"};
  EXPECT_NO_THROW(http_request(config, kOpenaiChat.call(config, question)));
  EXPECT_EQ(request_hash(config, kOpenaiChat.call(config, question), 0).size(), 64U);
}

TEST(RequestHash, ChangesWithWhatDecidesTheAnswerOnly) {
  const JudgeConfig config{.model = "gpt-5.4"};
  const std::string hash = request_hash(config, call_of(config), 0);
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(request_hash(config, call_of(config), 0), hash);
  EXPECT_NE(request_hash(config, call_of(config), 1), hash);

  const auto hash_with = [&](const std::function<void(JudgeConfig&)>& change) {
    JudgeConfig changed = config;
    change(changed);
    return request_hash(changed, call_of(changed), 0);
  };
  EXPECT_EQ(hash_with([](auto& c) { c.tier = JudgeTier::kFlex; }), hash);
  EXPECT_EQ(hash_with([](auto& c) { c.concurrency = 1; }), hash);
  EXPECT_EQ(hash_with([](auto& c) { c.deadline_s = 1; }), hash);
  EXPECT_NE(hash_with([](auto& c) { c.model = "gpt-5"; }), hash);
  EXPECT_NE(hash_with([](auto& c) { c.thinking = "high"; }), hash);
  EXPECT_NE(hash_with([](auto& c) { c.base_url = "http://localhost:1/v1"; }), hash);
  EXPECT_NE(hash_with([](auto& c) { c.api = JudgeApi::kResponses; }), hash);
}

TEST(QuestionWriter, SaysTheConstantPartFirstAndOnce) {
  const ModelQuestion native = test_question({.native = true});
  const ModelQuestion prompt = test_question({.in_prompt = true});
  EXPECT_TRUE(native.schema);
  EXPECT_FALSE(prompt.schema);
  EXPECT_FALSE(prompt.grammar);
  EXPECT_TRUE(prompt.messages.system.starts_with(native.messages.system));
  EXPECT_EQ(prompt.messages.user, native.messages.user);
  EXPECT_FALSE(native.schema->contains("$schema"));
}

TEST(JudgeConfig, RefusesWhatNoVendorOffers) {
  const auto is_valid = [](const JudgeConfig& config) {
    try {
      config.validate();
      return true;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidConfig);
      return false;
    }
  };
  const JudgeConfig openai{
      .kind = JudgeKind::kHttp, .base_url = "http://localhost/v1", .model = "m"};
  EXPECT_TRUE(is_valid(openai));
  JudgeConfig config = openai;
  config.thinking = "hard";
  EXPECT_FALSE(is_valid(config));
  config = openai;
  config.schema = SchemaMode::kGrammar;
  EXPECT_TRUE(is_valid(config));
  config.api = JudgeApi::kResponses;
  EXPECT_FALSE(is_valid(config));
  config = openai;
  config.dialect = JudgeDialect::kAnthropic;
  config.tier = JudgeTier::kFlex;
  EXPECT_FALSE(is_valid(config));
  config.dialect = JudgeDialect::kVertex;
  config.project = "p";
  EXPECT_TRUE(is_valid(config));
  config.location = "us-central1";
  EXPECT_FALSE(is_valid(config));
}

}  // namespace
}  // namespace polaris
