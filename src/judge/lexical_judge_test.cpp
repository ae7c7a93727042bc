#include "judge/lexical_judge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "judge/grade.h"
#include "judge/judge_testing.h"
#include "judge/lexical/defects_testing.h"
#include "judge/lexical/sample_testing.h"
#include "judge/lexical/stories_testing.h"
#include "judge/rubric_score.h"

namespace polaris {
namespace {

using lexical::Babbler;
using lexical::TestStory;

/// The 37 stories of 300 to 1,050 words; the slow tests take longer ones too.
const std::vector<TestStory>& short_stories() {
  static const auto kStories = lexical::starter_stories(POLARIS_SOURCE_DIR "/data", true);
  return kStories;
}

TEST(LexicalJudge, NamesEveryPointWithAJustificationAndQuotesThatAreInTheStory) {
  for (const TestStory& story : short_stories()) {
    SCOPED_TRACE(story.uid);
    const JudgeRequest request{.uid = story.uid, .prompt = story.prompt, .story = story.story};
    const Answer reading = read_lexically(request);
    const std::string raw = lexical_answer_object(reading, shipped_rubric()).dump();
    const Grade grade = grade_answer({.text = raw}, story.story, shipped_rubric(), {});
    ASSERT_TRUE(grade.verdict) << grade.message;
    EXPECT_EQ(grade.verdict->positive, reading.verdict.positive);
    EXPECT_EQ(grade.verdict->negative, reading.verdict.negative);
    EXPECT_EQ(grade.verdict->bonus, reading.verdict.bonus);
    EXPECT_EQ(grade.flags, std::vector<std::string>{});
    EXPECT_GT(grade.quotes_checked, 8);
    EXPECT_EQ(grade.quotes_checked, grade.quotes_verified);
    for (const DimensionNote& note : reading.positive) EXPECT_FALSE(note.why.empty());
    for (const DimensionNote& note : reading.negative) EXPECT_FALSE(note.why.empty());
  }
}

TEST(LexicalJudge, SupportsWhatItChargesSpoiltStoriesWith) {
  const TestStory& story = short_stories().front();
  for (const lexical::Defect& defect : lexical::own_defects()) {
    SCOPED_TRACE(defect.name);
    const std::string spoilt = defect.apply(story, 3);
    const Answer reading = read_lexically({.prompt = story.prompt, .story = spoilt});
    const std::string raw = lexical_answer_object(reading, shipped_rubric()).dump();
    const Grade grade = grade_answer({.text = raw}, spoilt, shipped_rubric(), {});
    EXPECT_EQ(grade.flags, std::vector<std::string>{});
  }
}

TEST(LexicalJudge, SaysWhereverItIsNamedThatItIsNoLanguageModel) {
  EXPECT_NE(kLexicalJudgeName.find("not an LLM"), std::string_view::npos);
  const Answer reading = read_lexically({.prompt = "A fog.", .story = "The fog came in."});
  EXPECT_TRUE(reading.comment.starts_with("Text statistics, not a reading"));
}

TEST(LexicalJudge, AnswersOnTheSpotAndAlwaysTheSame) {
  const TestStory& story = short_stories()[3];
  const JudgeRequest request{.uid = "a", .prompt = story.prompt, .story = story.story};
  LexicalJudge judge;
  std::vector<JudgeReply> replies;
  for (int i = 0; i < 2; ++i)
    judge.submit(request, [&](JudgeReply reply) { replies.push_back(std::move(reply)); });
  ASSERT_EQ(replies.size(), 2U);
  ASSERT_TRUE(replies[0].verdict && replies[1].verdict);
  EXPECT_EQ(replies[0].verdict->positive, replies[1].verdict->positive);
  EXPECT_EQ(replies[0].verdict->negative, replies[1].verdict->negative);
  EXPECT_EQ(replies[0].cost_usd, 0.0);
}

TEST(LexicalJudge, TheRequestedLengthIsNoPartOfThePremise) {
  const TestStory& story = short_stories()[5];
  const auto with_length = [&](const std::string& sentence) {
    return read_lexically({.prompt = story.prompt + sentence, .story = story.story}).verdict;
  };
  const Verdict without = with_length("");
  const Verdict with = with_length(" The story should be 900 words long.");
  EXPECT_EQ(without.positive, with.positive);
  EXPECT_EQ(without.negative, with.negative);
}

TEST(LexicalJudge, AnEmptyStoryIsNoAnswer) {
  for (const std::string story : {"", " \n\n ", "* * *", "\xff\xfe"}) {
    const Verdict verdict = read_lexically({.prompt = "A fog.", .story = story}).verdict;
    EXPECT_EQ(verdict.positive, (std::array<std::int64_t, 6>{}));
    EXPECT_EQ(verdict.negative[0], kNegativeMax[0]);
  }
}

TEST(LexicalJudge, TakesAnyBytes) {
  const std::vector<std::string> texts = {"a",
                                          "“",
                                          "\"\"\"\"",
                                          "... ... ...",
                                          "I",
                                          "’s ’’ '",
                                          std::string(5000, 'x'),
                                          "A.\n\nB.\n\n\n",
                                          "\x01\x02 \xc3 \xe2\x80 word",
                                          std::string(300, '\n') + "End",
                                          "# Title\n- item\n**bold**"};
  for (const std::string& text : texts) {
    const Verdict verdict = read_lexically({.prompt = text, .story = text}).verdict;
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_GE(verdict.positive[i], 0);
      EXPECT_LE(verdict.positive[i], kPositiveMax[i]);
    }
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_GE(verdict.negative[i], 0);
      EXPECT_LE(verdict.negative[i], kNegativeMax[i]);
    }
  }
}

// What the rubric's users will try first: each moves the points where the rubric says it belongs.

TEST(LexicalJudge, ALoopedTailIsCollapse) {
  const auto& looped_tail = lexical::own_defects()[11];
  ASSERT_EQ(looped_tail.dimension, "N6");
  EXPECT_GT(
      mean_points(short_stories(), [&](const TestStory& s) { return looped_tail.apply(s, 3); })[11],
      mean_points(short_stories())[11] + 10.0);
}

TEST(LexicalJudge, DoubledParagraphsAreCircling) {
  EXPECT_GT(
      mean_points(short_stories(),
                  [](const TestStory& s) { return lexical::with_doubled_paragraphs(s.story); })[10],
      mean_points(short_stories())[10] + 7.0);
}

TEST(LexicalJudge, AMissingEndingCostsTheEnding) {
  EXPECT_LT(mean_points(short_stories(),
                        [](const TestStory& s) { return lexical::without_ending(s.story); })[1],
            mean_points(short_stories())[1] - 5.0);
}

TEST(LexicalJudge, AStoryForAnotherPromptHasNoPremise) {
  const auto& stories = short_stories();
  std::vector<TestStory> swapped = stories;
  for (std::size_t i = 0; i < stories.size(); ++i)
    swapped[i].prompt = stories[(i + 5) % stories.size()].prompt;
  EXPECT_LT(mean_points(swapped)[0], mean_points(stories)[0] - 5.0);
}

TEST(LexicalJudge, CopyingThePromptEarnsNothing) {
  const TestStory& story = short_stories()[1];
  std::string copied;
  for (int i = 0; i < 10; ++i) copied += story.prompt + "\n\n";
  const Verdict verdict = read_lexically({.prompt = story.prompt, .story = copied}).verdict;
  EXPECT_LE(verdict.positive[0], 3);
  EXPECT_LT(rubric_score(verdict).overall, 0.0);
}

TEST(LexicalJudge, AListOfGoodWordsIsNoStory) {
  std::string list;
  for (int i = 0; i < 100; ++i) list += "He took the red lamp, love and fear. ";
  EXPECT_LT(rubric_score(read_lexically({.prompt = "A lamp.", .story = list}).verdict).overall,
            10.0);
}

TEST(LexicalJudge, RanksStoriesAboveTheirShuffledTwinsAboveBabbleAndLoopsLowest) {
  const auto& stories = short_stories();
  const Babbler babbler(stories);
  const double real = mean_overall(stories);
  const double twins = mean_overall(stories, [](const TestStory& s) {
    return lexical::with_shuffled_sentences(s.story, 1.0, 1);
  });
  const double babble = mean_overall(
      stories, [&](const TestStory& s) { return babbler.babble(700, s.story.size()); });
  const double loops =
      mean_overall(stories, [](const TestStory& s) { return lexical::looped(s.story); });
  EXPECT_GT(real, 40.0);
  EXPECT_LT(real, 75.0);
  EXPECT_GT(real, twins + 8.0);
  EXPECT_GT(twins, babble + 3.0);
  EXPECT_GT(babble, loops + 10.0);
}

TEST(LexicalJudge, EachDimensionFollowsItsOwnDefectAndNoOther) { check_movements(short_stories()); }

}  // namespace
}  // namespace polaris
