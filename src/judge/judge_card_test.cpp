#include "judge/judge_card.h"

#include <gtest/gtest.h>

#include "judge/judgement_record.h"
#include "text/words.h"

namespace polaris {
namespace {

/// Sentences of five words, every word another one.
std::string story_of(int sentences) {
  std::string story;
  for (int i = 0; i < sentences; ++i)
    story += fmt::format("{}A{} b{} c{} d{} e{}.", i == 0 ? "" : " ", i, i, i, i, i);
  return story;
}

TEST(LoopedTail, KeepsTheLengthAndRepeatsWhatCameLast) {
  const std::string looped = with_looped_tail(story_of(100));
  EXPECT_EQ(looped.find("A0 b0"), 0U);
  EXPECT_NEAR(static_cast<double>(count_pieces(looped)), 500, 60);
  EXPECT_EQ(looped.find("e60"), std::string::npos);
  std::size_t times = 0;
  for (auto at = looped.find("e59."); at != std::string::npos; at = looped.find("e59.", at + 1))
    ++times;
  EXPECT_GE(times, 4U);
}

TEST(CutEnding, EndsInsideASentence) {
  const std::string cut = with_cut_ending(story_of(100));
  EXPECT_NEAR(static_cast<double>(count_pieces(cut)), 350, 5);
  EXPECT_FALSE(cut.ends_with('.'));
  EXPECT_EQ(story_of(100).find(cut), 0U);
}

TEST(Variants, TakeTheShortestStories) {
  for (const char* story : {"", " \n", "One.", "One two three"}) {
    EXPECT_FALSE(with_looped_tail(story).size() > 200) << story;
    EXPECT_LE(with_cut_ending(story).size(), std::string(story).size());
  }
}

TEST(CardQuestions, AreEveryVariantAsOftenAsItIsRepeated) {
  const std::vector<JudgeRequest> stories = {{.uid = "a", .story = story_of(40)},
                                             {.uid = "b", .story = story_of(60)}};
  const auto questions = card_questions(stories);
  ASSERT_EQ(questions.size(), 18U);
  EXPECT_EQ(questions[2].story, stories[0].story);
  EXPECT_EQ(questions[2].repeat, 2);
  EXPECT_EQ(questions[9].uid, "b");
  EXPECT_NE(questions[3].story, questions[6].story);
}

JudgeReply reply_of(std::int64_t points) {
  Verdict verdict;
  verdict.positive[0] = points;
  JudgeReply reply{.verdict = verdict, .quotes_verified = 1, .quotes_checked = 2, .cost_usd = 0.01};
  reply.records.push_back(
      std::make_shared<JudgementRecord>(JudgementRecord{.cost_usd = 0.01, .latency_ms = 250}));
  return reply;
}

TEST(JudgeCard, AddsUpWhatWasAnswered) {
  std::vector<JudgeReply> replies;
  for (const int points : {10, 10, 10, 5, 5, 5, 10, 12, 14}) replies.push_back(reply_of(points));
  for (const int points : {8, 8, 8, 9, 9, 9, 3, 3}) replies.push_back(reply_of(points));
  replies.push_back({.failure = JudgeFailure::kInvalid});
  const JudgeCard card = judge_card(replies, {});
  EXPECT_EQ(card.stories, 2);
  EXPECT_EQ(card.asked, 18);
  EXPECT_EQ(card.answers, 17);
  EXPECT_EQ(card.parse_failures, 1);
  EXPECT_EQ(card.pairs_looped, 2);
  EXPECT_EQ(card.looped_below, 1);
  EXPECT_EQ(card.pairs_cut, 2);
  EXPECT_EQ(card.cut_below, 1);
  EXPECT_DOUBLE_EQ(card.repeat_sd.value(), 2.0 / 6);
  EXPECT_EQ(card.quotes_checked, 34);
  EXPECT_EQ(card.quotes_verified, 17);
  EXPECT_DOUBLE_EQ(card.latency_p50_s.value(), 0.25);
  EXPECT_NEAR(card.usd_per_1000.value(), 10.0, 1e-9);
  EXPECT_NE(card_text(card).find("looped below original       1 of 2"), std::string::npos)
      << card_text(card);
  EXPECT_EQ(to_json(card)["order"]["cut_below"], 1);
}

TEST(JudgeCard, AJudgeThatNeverAnswersHasNoFigures) {
  const std::vector<JudgeReply> replies(9, {.failure = JudgeFailure::kTimeout});
  const JudgeCard card = judge_card(replies, {});
  EXPECT_EQ(card.answers, 0);
  EXPECT_EQ(card.other_failures, 9);
  EXPECT_EQ(card.pairs_looped, 0);
  EXPECT_FALSE(card.repeat_sd);
  EXPECT_FALSE(card.latency_p50_s);
  EXPECT_FALSE(card.usd_per_1000);
}

}  // namespace
}  // namespace polaris
