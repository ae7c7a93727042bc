#include "judge/call_writer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/temp_folder.h"
#include "judge/judge_testing.h"

namespace polaris {
namespace {

const JudgeSetup& setup() {
  static const JudgeSetup kSetup = {.rubric = shipped_rubric()};
  return kSetup;
}

JudgeConfig config_of(JudgeDialect dialect, JudgeApi api = JudgeApi::kChat) {
  return {.kind = JudgeKind::kHttp,
          .dialect = dialect,
          .base_url = "http://localhost/v1",
          .model = "m",
          .api = api,
          .max_output_tokens = 1000};
}

PriceTable prices() {
  const TempFolder folder;
  std::ofstream(folder / "p.json") << R"({"models":{"m":{"as_of":"2026-06","source":"s",)"
                                   << R"("default":{"input":1,"output":10}}}})";
  return PriceTable::load(folder / "p.json");
}

TEST(CallWriter, TheHashIsThatOfTheFirstAttemptsCall) {
  for (const auto& config :
       {config_of(JudgeDialect::kOpenai), config_of(JudgeDialect::kOpenai, JudgeApi::kResponses),
        config_of(JudgeDialect::kGemini), config_of(JudgeDialect::kVertex),
        config_of(JudgeDialect::kAnthropic)}) {
    const CallWriter writer(config, setup(), {}, "key");
    const QuestionWriter questions(shipped_rubric(), config, setup().totals,
                                   setup().length_sentence);
    for (const char* story : {"Mara went.", "\"Quoted\",\n\tand \\ <<<STORY>>> ü \x01"}) {
      for (const int repeat : {0, 12}) {
        const ModelQuestion question = questions.question(
            "A boat. It should be 900 words long.", story,
            answer_form(config.schema, config.dialect, config.model), config.max_output_tokens);
        EXPECT_EQ(writer.hash({.prompt = "A boat. It should be 900 words long.",
                               .story = story,
                               .repeat = repeat}),
                  request_hash(config, dialect_of(config).call(config, question), repeat));
      }
    }
  }
}

TEST(CallWriter, TheBodyIsThatOfTheDialectsCall) {
  for (const auto& config :
       {config_of(JudgeDialect::kOpenai), config_of(JudgeDialect::kOpenai, JudgeApi::kResponses),
        config_of(JudgeDialect::kGemini), config_of(JudgeDialect::kVertex),
        config_of(JudgeDialect::kAnthropic)}) {
    const CallWriter writer(config, setup(), {}, "");
    const QuestionWriter questions(shipped_rubric(), config, setup().totals,
                                   setup().length_sentence);
    for (const std::string story :
         {"Mara “went”.", "\"a\"\n\t\\/ \x01\x1f\x7f ü", "cut \xC3\xFF"}) {
      for (const AnswerForm form : {AnswerForm{.native = true}, AnswerForm{.in_prompt = true}}) {
        const ModelQuestion question = questions.question("A boat.", story, form, 2000);
        const HttpRequest expected =
            http_request(config, dialect_of(config).call(config, question));
        const HttpRequest actual =
            writer.http({.prompt = "A boat.", .story = story}, form, 2000, {});
        EXPECT_EQ(actual.body, expected.body);
        EXPECT_EQ(actual.url, expected.url);
      }
    }
  }
}

TEST(CallWriter, NoCallCostsMoreThanItMay) {
  const CallWriter writer(config_of(JudgeDialect::kOpenai), setup(), prices(), "");
  const JudgeRequest request = {.prompt = "A boat.", .story = std::string(5000, 'x')};
  for (const AnswerForm form :
       {AnswerForm{.native = true}, AnswerForm{.grammar = true, .in_prompt = true},
        AnswerForm{.native = true, .in_prompt = true}}) {
    const ModelAnswer dearest = {.usage = {.input_tokens = static_cast<std::int64_t>(
                                               writer.http(request, form, 1000, {}).body.size()),
                                           .output_tokens = 1000}};
    EXPECT_LE(writer.cost_usd(dearest, {}).value(), writer.most_usd(request, 1000, {}).value());
  }
}

TEST(CallWriter, WhatIsNotKnownIsAbsent) {
  const CallWriter writer(config_of(JudgeDialect::kOpenai), setup(), {}, "");
  EXPECT_FALSE(writer.most_usd({}, 1000, {}));
  EXPECT_FALSE(writer.price_date());
  EXPECT_FALSE(writer.cost_usd({.usage = {.input_tokens = 5, .output_tokens = 5}}, {}));
  const CallWriter priced(config_of(JudgeDialect::kOpenai), setup(), prices(), "");
  EXPECT_FALSE(priced.cost_usd({}, {})) << "the server did not say how many tokens it took";
}

TEST(CallWriter, BlackensTheKeyInWhateverComesBack) {
  const CallWriter writer(config_of(JudgeDialect::kOpenai), setup(), {}, "sk-0123456789");
  const HttpResult result = writer.without_key(HttpResponse{.body = "a sk-0123456789 b"});
  EXPECT_EQ(std::get<HttpResponse>(result).body, "a *** b");
  const HttpResult failure = writer.without_key(HttpFailure{.message = "sk-0123456789"});
  EXPECT_EQ(std::get<HttpFailure>(failure).message, "***");
}

}  // namespace
}  // namespace polaris
