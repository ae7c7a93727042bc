#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "judge/lexical/sample_testing.h"
#include "judge/lexical/stories_testing.h"
#include "judge/lexical/story_text.h"

namespace polaris {
namespace {

using lexical::TestStory;

/// All 669 stories of the corpus, without prompts.
const std::vector<TestStory>& corpus() {
  static const auto kStories = [] {
    std::vector<TestStory> stories;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
        popen("gzip -dc " POLARIS_SOURCE_DIR "/data/corpus/stories.jsonl.gz", "r"), pclose);
    std::string text;
    std::array<char, 1 << 16> block{};
    for (std::size_t got = 0; (got = fread(block.data(), 1, block.size(), pipe.get())) > 0;)
      text.append(block.data(), got);
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t end = text.find('\n', pos);
      const Json row = Json::parse(text.substr(pos, end - pos));
      stories.push_back({.uid = row["uid"], .prompt = "", .story = row["text"]});
      pos = end == std::string::npos ? text.size() : end + 1;
    }
    return stories;
  }();
  return kStories;
}

std::size_t words(const TestStory& story) { return lexical::StoryText(story.story).words().size(); }

TEST(LexicalJudgeSlow, EachDimensionFollowsItsOwnDefectAndNoOther) {
  check_movements(lexical::starter_stories(POLARIS_SOURCE_DIR "/data", false));
}

TEST(LexicalJudgeSlow, RanksAStoryAboveItsSentenceShuffledTwin) {
  ASSERT_GT(corpus().size(), 600U);
  std::size_t above = 0;
  for (const TestStory& story : corpus()) {
    const double twin = overall(story, [](const TestStory& s) {
      return lexical::with_shuffled_sentences(s.story, 1.0, id_hash(s.uid));
    });
    above += overall(story) > twin ? 1 : 0;
  }
  std::cout << above << " of " << corpus().size() << " above their twins\n";
  EXPECT_GE(static_cast<double>(above), 0.95 * static_cast<double>(corpus().size()));
}

TEST(LexicalJudgeSlow, LengthIsNeitherRewardedNorPunished) {
  // The same stories whole and some 600 words from their middle.
  std::vector<TestStory> cut;
  std::vector<TestStory> whole;
  for (std::size_t i = 0; i < corpus().size(); i += 7) {
    const lexical::StoryText story(corpus()[i].story);
    if (story.words().size() < 3000) continue;
    const std::size_t middle = story.words().size() * 2 / 5;
    std::size_t begin = 0;
    std::size_t end = 0;
    for (const lexical::Sentence& sentence : story.sentences()) {
      if (sentence.first_word <= middle) begin = sentence.begin;
      if (sentence.end_word <= middle + 600) end = sentence.end;
    }
    whole.push_back(corpus()[i]);
    cut.push_back({corpus()[i].uid, "", corpus()[i].story.substr(begin, end - begin)});
  }
  const Points long_points = mean_points(whole);
  const Points short_points = mean_points(cut);
  for (std::size_t i = 0; i < kDimensions; ++i)
    EXPECT_NEAR(short_points[i], long_points[i], 0.1 * range_of(i)) << "dimension " << i;
  EXPECT_NEAR(mean_overall(cut), mean_overall(whole), 6.0);
}

TEST(LexicalJudgeSlow, ReadsSixThousandWordsWithinTwentyMilliseconds) {
  const TestStory* story = nullptr;
  for (const TestStory& candidate : corpus()) {
    if (const std::size_t count = words(candidate); count > 6000 && count < 6600)
      story = &candidate;
  }
  ASSERT_NE(story, nullptr);
  double best = 1.0;
  for (int i = 0; i < 10; ++i) {
    const std::clock_t start = std::clock();
    overall(*story);
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::cout << 1e3 * best << " ms for " << words(*story) << " words\n";
  EXPECT_LT(best, 0.020);
}

}  // namespace
}  // namespace polaris
