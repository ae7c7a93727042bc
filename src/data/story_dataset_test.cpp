#include "data/story_dataset.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/temp_folder.h"
#include "data/data_testing.h"

namespace polaris {
namespace {

class StoryDatasetTest : public testing::Test {
 protected:
  StoryDataset load(const std::string& content, const StoryFilter& filter = {},
                    const StoryEncoder& encoder = small_encoder()) const {
    std::ofstream(path, std::ios::binary) << content;
    return load_stories(path, encoder, filter);
  }

  std::string error_of(const std::string& content, const StoryFilter& filter = {}) const {
    try {
      load(content, filter);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      return std::string(e.what()).substr(folder.path().string().size() + 1);
    }
    return "no error";
  }

  const TempFolder folder;
  const std::filesystem::path path = folder / "a.jsonl";
};

TEST(StarterSet, LoadsWholeWithEveryReferenceWithinTheLimits) {
  const StoryEncoder encoder = small_encoder();
  const std::pair<const char*, std::size_t> files[] = {
      {"train", 38}, {"val", 9}, {"short_train", 30}, {"short_val", 7}};
  for (const auto& [name, count] : files) {
    SCOPED_TRACE(name);
    const auto path = std::string(POLARIS_SOURCE_DIR "/data/starter/") + name + ".jsonl";
    const StoryDataset dataset = load_stories(path, encoder, {.hri = true});
    EXPECT_EQ(dataset.prompts.size(), count);
    EXPECT_TRUE(dataset.dropped.empty());
    EXPECT_EQ(dataset.without_reference, 0U);
    for (const Prompt& prompt : dataset.prompts) {
      EXPECT_TRUE(prompt.text.ends_with(" words long.")) << prompt.id;
      EXPECT_GT(prompt.target_words, 0) << prompt.id;
      const auto reference = encoder.encode_reference(prompt);
      ASSERT_TRUE(reference) << prompt.id;
      EXPECT_EQ(reference->stop, StopReason::kEndOfText);
    }
  }
}

TEST(EvalSet, LoadsWithoutReferences) {
  const StoryDataset dataset =
      load_stories(POLARIS_SOURCE_DIR "/data/eval/length_eval.jsonl", small_encoder(), {});
  EXPECT_EQ(dataset.prompts.size(), 180U);
  EXPECT_EQ(dataset.without_reference, 180U);
}

TEST_F(StoryDatasetTest, MakesPromptsInTheOrderOfTheFile) {
  const StoryDataset dataset = load(
      R"({"id":5,"prompt":"B","target_word_count":900,"story":"S","ground_truth_reasoning":"R"})"
      "\n{\"prompt\":\"A\"}\n");
  ASSERT_EQ(dataset.prompts.size(), 2U);
  const Prompt& first = dataset.prompts[0];
  EXPECT_EQ(first.id, "5");
  EXPECT_EQ(first.text, "B");
  EXPECT_EQ(first.target_words, 900);
  EXPECT_EQ(first.reference->reasoning, "R");
  EXPECT_EQ(first.reference->story, "S");
  EXPECT_EQ(first.tokens, small_encoder().encode_prompt({{.role = "user", .content = "B"}}));
  EXPECT_EQ(dataset.prompts[1].id, "2");
  EXPECT_FALSE(dataset.prompts[1].reference);
  EXPECT_FALSE(dataset.prompts[1].target_words);
  EXPECT_EQ(dataset.without_reference, 1U);
}

TEST_F(StoryDatasetTest, DropsLongPromptsAndThoseTheTemplateRefuses) {
  const auto length = static_cast<std::int64_t>(
      small_encoder().encode_prompt({{.role = "user", .content = "12345"}}).size());
  const StoryDataset dataset = load(
      "{\"prompt\":\"12345\"}\n{\"id\":\"long\",\"prompt\":\"123456\"}\n"
      "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"role\":\"system\",\"content\":\"late\"}]}\n",
      {.max_prompt_tokens = length});
  ASSERT_EQ(dataset.prompts.size(), 1U);
  ASSERT_EQ(dataset.dropped.size(), 2U);
  EXPECT_EQ(dataset.dropped[0].id, "long");
  EXPECT_EQ(dataset.dropped[0].line, 2U);
  EXPECT_EQ(
      dataset.dropped[0].reason,
      fmt::format("its prompt has {} tokens, data.max_prompt_tokens is {}", length + 1, length));
  EXPECT_EQ(dataset.dropped[1].id, "3");
  EXPECT_NE(dataset.dropped[1].reason.find("system"), std::string::npos)
      << dataset.dropped[1].reason;
}

TEST_F(StoryDatasetTest, RefusesAFileThatLeavesNothingToTrainOn) {
  EXPECT_EQ(error_of(""), "a.jsonl: there are no records");
  EXPECT_TRUE(error_of("{\"prompt\":\"a\"}\n", {.max_prompt_tokens = 1})
                  .starts_with("a.jsonl: all 1 records are dropped; line 1: its prompt has"));
  EXPECT_EQ(error_of("{\"prompt\":\"a\"}\n", {.hri = true}),
            "a.jsonl: no record has a reference story (\"story\"); add them, or set hri.enabled = "
            "false");
}

TEST_F(StoryDatasetTest, StopsAtTheFirstFaultyRecord) {
  EXPECT_TRUE(
      error_of("{\"prompt\":\"a\"}\n{\"prompt\":1}\n").starts_with("a.jsonl:2: \"prompt\""));
}

TEST_F(StoryDatasetTest, NeedsReasoningOnlyWhereThinkingAndHriAreBothOn) {
  const std::string content = "{\"prompt\":\"a\",\"story\":\"S\"}\n";
  EXPECT_TRUE(error_of(content, {.hri = true}).starts_with("a.jsonl:1: the record has a ref"));
  EXPECT_EQ(load(content, {.hri = false}).prompts.size(), 1U);
  EXPECT_EQ(load(content, {.hri = true}, small_encoder({.thinking = false})).prompts.size(), 1U);
}

}  // namespace
}  // namespace polaris
