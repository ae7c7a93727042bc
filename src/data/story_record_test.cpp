#include "data/story_record.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace polaris {
namespace {

StoryRecord parsed(std::string_view json) {
  return parse_story_record(parse_ordered_json(json, "a.jsonl:7"), "a.jsonl", 7);
}

std::string error_of(std::string_view json) {
  try {
    parsed(json);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    return e.what();
  }
  return "no error";
}

/// A record with a prompt and what is given.
StoryRecord with(const std::string& fields) { return parsed(R"({"prompt": "P", )" + fields + "}"); }
std::string error_with(const std::string& fields) {
  return error_of(R"({"prompt": "P", )" + fields + "}");
}

TEST(StoryRecord, ReadsTheFieldsOfTheStarterSet) {
  const StoryRecord record = parsed(
      R"({"uid": "u", "prompt": "Write.", "target_word_count": 1500, "story": "S",
          "ground_truth_reasoning": "R", "title": "T", "source": "x/y", "licence": "L"})");
  EXPECT_EQ(record.id, "u");
  EXPECT_EQ(record.line, 7U);
  ASSERT_EQ(record.messages.size(), 1U);
  EXPECT_EQ(record.messages[0].role, "user");
  EXPECT_EQ(record.messages[0].content, "Write.");
  EXPECT_EQ(record.prompt, "Write.");
  EXPECT_EQ(record.target_word_count, 1500);
  EXPECT_EQ(record.story, "S");
  EXPECT_EQ(record.reasoning, "R");
  EXPECT_EQ(record.source, "x/y");
  EXPECT_EQ(record.target, std::nullopt);
}

TEST(StoryRecord, ReadsTheFieldsOfThePublishedData) {
  const StoryRecord record = parsed(
      R"({"data_source": "d", "prompt": [{"role": "system", "content": "s"},
          {"role": "user", "content": "rendered question"}], "uid": 3,
          "extra_info": {"prompt": "plain question", "index": 4},
          "reward_model": {"style": "rule", "ground_truth": "S"}})");
  EXPECT_EQ(record.messages.size(), 2U);
  EXPECT_EQ(record.prompt, "plain question");
  EXPECT_EQ(record.story, "S");
  EXPECT_EQ(record.source, "d");
  EXPECT_EQ(record.reasoning, std::nullopt);
  EXPECT_EQ(record.target_word_count, std::nullopt);
}

TEST(StoryRecord, IsNamedByIdElseUidElseItsLineInTheTypeOfTheFile) {
  EXPECT_EQ(with(R"("uid": "u", "id": "i")").id.dump(), "\"i\"");
  EXPECT_EQ(with(R"("id": 12, "uid": "u")").id.dump(), "12");
  EXPECT_EQ(with(R"("id": 12)").name(), "12");
  EXPECT_EQ(with(R"("id": "12")").name(), "12");
  EXPECT_EQ(with(R"("id": null, "uid": "u")").name(), "u");
  EXPECT_EQ(with(R"("title": "T")").id.dump(), "7");
}

TEST(StoryRecord, ThePlainPromptIsTheFirstUserMessageWithoutExtraInfo) {
  EXPECT_EQ(parsed(R"({"prompt": [{"role": "system", "content": "s"},
                      {"role": "user", "content": [{"type": "text", "text": "a"},
                                                   {"type": "text", "text": "b"}]},
                      {"role": "user", "content": "c"}], "extra_info": {"index": 1}})")
                .prompt,
            "ab");
  EXPECT_EQ(with(R"("extra_info": "kept by another program")").prompt, "P");
}

TEST(StoryRecord, TheStoryIsTheFirstOfItsNames) {
  const std::vector<std::string> names = {"story", "ground_truth", "solution", "answer", "target"};
  for (std::size_t first = 0; first < names.size(); ++first) {
    std::string fields = R"("reward_model": {"target": "nested", "ground_truth": "nested"})";
    for (std::size_t i = names.size(); i-- > first;)
      fields += ", \"" + names[i] + "\": \"from " + names[i] + "\"";
    EXPECT_EQ(with(fields).story, "from " + names[first]);
  }
  EXPECT_EQ(with(R"("reward_model": {"target": "t", "answer": "a"})").story, "a");
  EXPECT_EQ(with(R"("reward_model": {"story": "not a name there"})").story, std::nullopt);
  EXPECT_EQ(with(R"("story": " \n", "ground_truth": null, "answer": "a")").story, "a");
  EXPECT_EQ(with(R"("story": "")").story, std::nullopt);
}

TEST(StoryRecord, TheTargetTextIsKeptForThePublishedLengthRule) {
  const StoryRecord record = with(R"("story": "S", "target": "one two")");
  EXPECT_EQ(record.story, "S");
  EXPECT_EQ(record.target, "one two");
  EXPECT_EQ(with(R"("story": "S", "target": 3)").target, std::nullopt);
}

TEST(StoryRecord, NamesFileLineAndFieldOfAWrongType) {
  EXPECT_EQ(error_of("[1]"), "a.jsonl:7: the line holds a list; write one record {...} per line");
  EXPECT_EQ(error_of("\"text\""),
            "a.jsonl:7: the line holds \"text\"; write one record {...} per line");
  EXPECT_EQ(error_of(R"({"story": "S"})"), "a.jsonl:7: the record has no \"prompt\"");
  EXPECT_EQ(error_of(R"({"prompt": 5})"),
            "a.jsonl:7: \"prompt\" is 5; it must be a string or a list of {role, content}");
  EXPECT_EQ(error_of(R"({"prompt": " \n\t"})"), "a.jsonl:7: \"prompt\" is empty");
  EXPECT_EQ(error_of(R"({"prompt": []})"),
            "a.jsonl:7: \"prompt\" has no message with the role \"user\"");
  EXPECT_EQ(error_of(R"({"prompt": [{"role": "user", "content": "a"}, {"content": "b"}]})"),
            "a.jsonl:7: \"prompt\": message 2 has no \"role\"");
  EXPECT_EQ(error_with(R"("story": ["a"])"), "a.jsonl:7: \"story\" is a list; it must be a string");
  EXPECT_EQ(error_with(R"("reward_model": {"answer": {}})"),
            "a.jsonl:7: \"reward_model.answer\" is an object; it must be a string");
  EXPECT_EQ(error_with(R"("ground_truth_reasoning": true)"),
            "a.jsonl:7: \"ground_truth_reasoning\" is true; it must be a string");
  EXPECT_EQ(error_with(R"("extra_info": {"prompt": 1})"),
            "a.jsonl:7: \"extra_info.prompt\" is 1; it must be a string");
  EXPECT_EQ(error_with(R"("id": [1])"),
            "a.jsonl:7: \"id\" is a list; it must be a string or a number");
  EXPECT_EQ(error_with(R"("uid": "")"), "a.jsonl:7: \"uid\" is empty; leave it out or fill it");
}

TEST(StoryRecord, TheTargetWordCountIsAWholeNumberInRange) {
  EXPECT_EQ(with(R"("target_word_count": null)").target_word_count, std::nullopt);
  EXPECT_EQ(with(R"("target_word_count": 1)").target_word_count, 1);
  EXPECT_EQ(with(R"("target_word_count": 1500.0)").target_word_count, 1500);
  EXPECT_EQ(with(R"("target_word_count": 1000000)").target_word_count, kMaxTargetWords);
  for (const std::string bad : {"0", "-5", "1500.5", "1000001", "1e300", "18446744073709551615",
                                "-9223372036854775808", "\"1500\"", "true", "[1500]"}) {
    const std::string message = error_with("\"target_word_count\": " + bad);
    EXPECT_NE(message.find("; it must be a whole number from 1 to 1000000"), std::string::npos)
        << bad << ": " << message;
  }
}

TEST(StoryRecord, AThinkTagInTheReferenceIsAnError) {
  EXPECT_EQ(error_with(R"("story": "a </think> b")"),
            "a.jsonl:7: the reference story contains </think>; remove it: the tags are added in "
            "training");
  EXPECT_NE(error_with(R"("answer": "<think>plan")"), "no error");
  EXPECT_NE(error_with(R"("story": "S", "ground_truth_reasoning": "<think>\nplan")"), "no error");
  EXPECT_EQ(with(R"("story": "S", "answer": "<think> is not used")").story, "S");
  EXPECT_EQ(with(R"("story": "I <thinker> THINK")").story, "I <thinker> THINK");
}

TEST(StoryRecord, AMessageQuotesALongValueShortened) {
  EXPECT_LT(error_with("\"target_word_count\": \"" + std::string(100'000, '1') + "\"").size(),
            200U);
}

}  // namespace
}  // namespace polaris
