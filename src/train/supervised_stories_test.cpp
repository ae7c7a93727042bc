#include "train/supervised_stories.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/temp_folder.h"
#include "text/chat_choice.h"

namespace polaris {
namespace {

class SupervisedStoriesTest : public testing::Test {
 protected:
  SupervisedStoriesTest()
      : tokenizer(Tokenizer::load(POLARIS_GOLDEN_DIR "/tokenizer")),
        encoder(tokenizer, {.kind = ChatTemplateKind::kQwen3_5}, {}) {}

  /// Records of one story each, in the order given.
  SupervisedStories load(const std::vector<std::string>& stories, SupervisedLimits limits) {
    std::ofstream file(folder / "stories.jsonl");
    for (const std::string& story : stories)
      file << dump_json(
                  {{"prompt", "Write."}, {"ground_truth_reasoning", "A plan."}, {"story", story}})
           << '\n';
    file.close();
    return load_supervised_stories(folder / "stories.jsonl", encoder, limits);
  }

  std::string text(const Row& row) { return tokenizer.decode(row.response_tokens); }

  TempFolder folder;
  Tokenizer tokenizer;
  StoryEncoder encoder;
};

TEST_F(SupervisedStoriesTest, LearnsPlanAndStoryAndReadsThePrompt) {
  const auto stories = load({"One.\n\nTwo."}, {.holdout = 0.0});
  ASSERT_EQ(stories.train.size(), 1U);
  const Row& row = stories.train[0];
  EXPECT_EQ(tokenizer.decode(row.prompt_tokens),
            "<|im_start|>user\nWrite.<|im_end|>\n<|im_start|>assistant\n<think>\n");
  EXPECT_EQ(text(row), "A plan.\n</think>\n\nOne.\n\nTwo.<|im_end|>");
  EXPECT_EQ(row.advantage, 1.0);
}

TEST_F(SupervisedStoriesTest, CutsLongStoriesAtTheLastParagraphThatFitsWithoutAnEnd) {
  const std::string paragraph = "A door opened and closed again in the dark house.";
  std::string story = paragraph;
  for (int i = 0; i < 20; ++i) story += "\n\n" + paragraph;
  const std::int64_t limit = 200;
  const auto stories = load({story}, {.max_tokens = limit, .holdout = 0.0});
  EXPECT_EQ(stories.cut, 1U);
  const std::string kept = text(stories.train.at(0));
  EXPECT_TRUE(kept.ends_with("house.")) << kept;
  const Row& row = stories.train[0];
  const auto length =
      static_cast<std::int64_t>(row.prompt_tokens.size() + row.response_tokens.size());
  EXPECT_LE(length, limit);
  const auto more = static_cast<std::int64_t>(tokenizer.encode("\n\n" + paragraph).size());
  EXPECT_GT(length + more, limit);  // not one paragraph less than fits
}

TEST_F(SupervisedStoriesTest, DropsWhatHasNoParagraphThatFits) {
  std::string long_paragraph;
  for (int i = 0; i < 300; ++i) long_paragraph += "word ";
  const auto stories = load({"Short.", long_paragraph}, {.max_tokens = 100, .holdout = 0.0});
  EXPECT_EQ(stories.train.size(), 1U);
  EXPECT_EQ(stories.dropped, 1U);
}

TEST_F(SupervisedStoriesTest, HoldsTheEndOfTheFileOut) {
  const auto stories = load({"One.", "Two.", "Three.", "Four."}, {.holdout = 0.5});
  ASSERT_EQ(stories.holdout.size(), 2U);
  EXPECT_NE(text(stories.holdout[0]).find("Three."), std::string::npos);
  EXPECT_NE(text(stories.train[1]).find("Two."), std::string::npos);
}

TEST_F(SupervisedStoriesTest, RefusesARecordWithoutAStory) {
  std::ofstream(folder / "stories.jsonl") << R"({"prompt": "Write."})" << '\n';
  try {
    load_supervised_stories(folder / "stories.jsonl", encoder, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("stories.jsonl:1"), std::string::npos) << e.what();
  }
}

TEST(SupervisedBatches, SeeEveryRowOnceAndCloseWhenFull) {
  std::vector<Row> rows(7);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].response_tokens.resize(10 * (i + 1));
  const auto batches = supervised_batches(rows, 60, 3);
  std::vector<std::size_t> seen;
  for (std::size_t b = 0; b < batches.size(); ++b) {
    std::size_t tokens = 0;
    for (const std::size_t row : batches[b]) tokens += rows[row].response_tokens.size();
    if (b + 1 < batches.size()) {
      EXPECT_GE(tokens, 60U);
    }
    EXPECT_LT(tokens - rows[batches[b].back()].response_tokens.size(), 60U);
    seen.insert(seen.end(), batches[b].begin(), batches[b].end());
  }
  std::ranges::sort(seen);
  std::vector<std::size_t> all(rows.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  EXPECT_EQ(seen, all);
  EXPECT_EQ(supervised_batches(rows, 60, 3), batches);
  EXPECT_NE(supervised_batches(rows, 60, 4), batches);
}

}  // namespace
}  // namespace polaris
