#include "judge/answer_form.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "judge/judge_testing.h"

namespace polaris {
namespace {

TEST(NativeSchema, IsKnownOfTheModelsOfTheGoldenCases) {
  // "other" and "vllm" are no dialects: such a server is one of dialect openai, known by its model.
  const std::map<std::string, JudgeDialect> dialects = {{"openai", JudgeDialect::kOpenai},
                                                        {"vllm", JudgeDialect::kOpenai},
                                                        {"vertex", JudgeDialect::kVertex}};
  const std::set<std::string> different = {
      "schema/native_vertex_gemini-3.1-pro-preview",  // the reference's list lacks the family
      "native_schema/vertex_gemini-3.1-pro",          // the same
      "schema/native_other_gpt-5",                    // see above
  };
  int compared = 0;
  auto cases = golden_reward_cases("supports_native_schema");
  for (auto& c : golden_eval_cases("supports_native_schema_eval")) cases.push_back(c);
  for (const OrderedJson& c : cases) {
    if (different.contains(c["name"].get<std::string>())) continue;
    const OrderedJson& input = c["input"];
    EXPECT_EQ(has_native_schema(dialects.at(input["provider"].get<std::string>()),
                                input["model"].get<std::string>()),
              c["expected"].get<bool>())
        << c["name"];
    ++compared;
  }
  EXPECT_EQ(compared, 15);
  EXPECT_TRUE(has_native_schema(JudgeDialect::kGemini, "gemini-3.1-pro-preview"));
}

TEST(NativeSchema, IsClaudesSince45) {
  for (const char* model : {"claude-haiku-4-5", "claude-opus-4-5-20251101", "claude-sonnet-5"})
    EXPECT_TRUE(has_native_schema(JudgeDialect::kAnthropic, model)) << model;
  for (const char* model : {"claude-3-7-sonnet-latest", "claude-sonnet-4-20250514"})
    EXPECT_FALSE(has_native_schema(JudgeDialect::kAnthropic, model)) << model;
}

TEST(AnswerForm, AutoIsNativeWhereThatIsDocumented) {
  const auto form = [](JudgeDialect dialect, const char* model) {
    return answer_form(SchemaMode::kAuto, dialect, model);
  };
  EXPECT_EQ(form(JudgeDialect::kOpenai, "gpt-5.4"), (AnswerForm{.native = true}));
  EXPECT_EQ(form(JudgeDialect::kOpenai, "Qwen/Qwen3.5-27B"),
            (AnswerForm{.native = true, .in_prompt = true}));
  EXPECT_EQ(form(JudgeDialect::kVertex, "gemini-1.5-pro"), (AnswerForm{.in_prompt = true}));
  EXPECT_EQ(answer_form(SchemaMode::kPrompt, JudgeDialect::kOpenai, "gpt-5.4"),
            (AnswerForm{.in_prompt = true}));
}

TEST(AnswerForm, WeakensDownToThePrompt) {
  std::optional<AnswerForm> form = answer_form(SchemaMode::kAuto, JudgeDialect::kOpenai, "local");
  form = weaker_form(*form, JudgeDialect::kOpenai, JudgeApi::kChat);
  EXPECT_EQ(form, (AnswerForm{.grammar = true, .in_prompt = true}));
  form = weaker_form(*form, JudgeDialect::kOpenai, JudgeApi::kChat);
  EXPECT_EQ(form, (AnswerForm{.in_prompt = true}));
  EXPECT_EQ(weaker_form(*form, JudgeDialect::kOpenai, JudgeApi::kChat), std::nullopt);
  EXPECT_EQ(weaker_form({.native = true}, JudgeDialect::kGemini, JudgeApi::kChat),
            (AnswerForm{.in_prompt = true}));
}

}  // namespace
}  // namespace polaris
