#include "judge/answer_text.h"

#include <gtest/gtest.h>

#include "judge/judge_testing.h"
#include "judge/published_text.h"

namespace polaris {
namespace {

/// Needs the keys "a" and "b".
AnswerMatch match(const Json& object) {
  const int there = (object.contains("a") ? 1 : 0) + (object.contains("b") ? 1 : 0);
  return static_cast<AnswerMatch>(there);
}

std::string found(const std::string& text) {
  const auto result = find_answer(text, match);
  if (const auto* problem = std::get_if<AnswerProblem>(&result))
    return std::string(failure_name(problem->failure));
  return std::get<Json>(result).dump();
}

TEST(FindAnswer, LooksThroughWhatModelsPutAround) {
  const std::string answer = R"({"a":1,"b":{"c":2}})";
  for (const std::string& text : {
           answer,
           "  \n" + answer + "\n ",
           "\xEF\xBB\xBF" + answer,
           "```json\n" + answer + "\n```",
           "```json\n```json\n" + answer + "\n```\n```",
           "Here you go:\n```\n" + answer + "\n```\nHope this helps {really}.",
           "Use {braces} carefully: " + answer,
           "An open { in prose, then " + answer,
           "<think>hmm {x} {\"a\":9,\"b\":9}</think>\n" + answer,
           "I weigh {\"a\":9,\"b\":9}.</think>" + answer,
           "[" + answer + "]",
           "{\"result\":" + answer + "}",
           "{'a': {'b'}} no: " + answer,
       })
    EXPECT_EQ(found(text), answer) << text;
}

TEST(FindAnswer, KeepsAThinkTagThatTheAnswerQuotes) {
  EXPECT_EQ(found(R"({"a":"</think>","b":"} {"})"), R"({"a":"</think>","b":"} {"})");
}

TEST(FindAnswer, TakesTheLastCompleteAnswer) {
  EXPECT_EQ(found(R"({"a":1,"b":1} better: {"a":2,"b":2})"), R"({"a":2,"b":2})");
  EXPECT_EQ(found(R"({"a":1,"b":1} for example {"a":2})"), R"({"a":1,"b":1})");
  EXPECT_EQ(found(R"({"a":1} {"a":2} {"c":3})"), R"({"a":2})") << "parts, where nothing is whole";
}

TEST(FindAnswer, WithoutAnObjectIsUnparseable) {
  for (const char* text :
       {"", "I cannot evaluate this.", "[1,2,3]", "46", "null", "} text {", R"({"a": 1, "b")",
        R"({"a":1,"b":{"c":2})", "{'a': 1, 'b': 2}", R"({"a":1,"b":2,})", R"({"a":NaN,"b":1})",
        R"({"a":1,"b":Infinity})", R"({"a":-Infinity,"b":1})", "{\"a\":\"x\ny\",\"b\":1}",
        "<think>{\"a\":1,\"b\":2}"})
    EXPECT_EQ(found(text), "unparseable") << text;
}

TEST(FindAnswer, WithAnotherObjectIsInvalid) {
  for (const char* text : {"{}", R"({"c":1})", R"({"a":1,"b":2,"a":3})"})
    EXPECT_EQ(found(text), "invalid") << text;
}

TEST(FindAnswer, IsBoundedInSizeAndDepth) {
  EXPECT_EQ(found(std::string(kMaxAnswerBytes + 1, '{')), "unparseable");
  EXPECT_EQ(found(std::string(100'000, '{')), "unparseable");
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += R"({"x":)";
  EXPECT_EQ(found(deep + "1" + std::string(1000, '}')), "invalid");
}

TEST(PublishedCleanup, AgreesWithTheReference) {
  const auto cases = golden_reward_cases("judge_text_cleanup");
  EXPECT_EQ(cases.size(), 27U);
  for (const OrderedJson& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto text = c["input"]["text"].get<std::string>();
    const OrderedJson& expected = c["expected"];
    const std::string_view stripped = published_cleanup(text);
    EXPECT_EQ(stripped, expected["stripped"].get<std::string>());
    const auto span = published_span(stripped);
    ASSERT_EQ(span.has_value(), !expected["extracted"].is_null());
    EXPECT_EQ(span.value_or(""),
              expected["extracted"].is_null() ? "" : expected["extracted"].get<std::string>());
  }
}

TEST(PublishedAnswer, ReadsWhatPythonReads) {
  const auto value = [](std::string_view text) {
    return std::get<Json>(find_published_answer(text));
  };
  EXPECT_EQ(value(R"({"a":1,"a":2})")["a"], 2);
  EXPECT_EQ(value(R"({"a":NaN})")["a"], nullptr);
  EXPECT_EQ(value(R"({"a":-Infinity})")["a"], -1e308);
  EXPECT_EQ(value(R"({"a":"NaN \"Infinity\""})")["a"], "NaN \"Infinity\"");
}

TEST(PublishedAnswer, HasNoStackToOverflow) {
  const std::string deep = R"({"a":)" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_TRUE(std::holds_alternative<AnswerProblem>(find_published_answer(deep)));
}

}  // namespace
}  // namespace polaris
