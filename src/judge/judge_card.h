// How good a judge is at judging, measured on stories whose order is known.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "judge/judge.h"
#include "judge/rubric_score.h"

namespace polaris {

/// The first 60 % of a story, at a sentence's end, then its last 60 words over and over up to the
/// story's length: what a model does that has lost its thread.
std::string with_looped_tail(std::string_view story);

/// The first 70 % of a story, ending inside a sentence.
std::string with_cut_ending(std::string_view story);

inline constexpr int kCardRepeats = 3;
inline constexpr int kCardVariants = 3;  // original, looped tail, cut ending

/// The questions of a card: per story, per variant, per repeat.
std::vector<JudgeRequest> card_questions(std::span<const JudgeRequest> stories);

struct JudgeCard {
  int stories = 0;
  int answers = 0;  ///< with a verdict
  int asked = 0;
  int parse_failures = 0;  ///< truncated, unparseable, invalid or empty in the end
  int other_failures = 0;

  /// Mean over stories and variants of the standard deviation of the overall score between
  /// repeats; absent if nothing was answered twice.
  std::optional<double> repeat_sd;

  int pairs_looped = 0;  ///< stories of which both variants have a verdict
  int looped_below = 0;  ///< ... and the mean overall is below the original's
  int pairs_cut = 0;
  int cut_below = 0;

  int quotes_checked = 0;
  int quotes_verified = 0;  ///< below 90 % the judge is unfit (specs/evaluation.md 2.4)

  std::optional<double> latency_p50_s;
  std::optional<double> latency_p95_s;
  std::optional<double> usd_per_1000;  ///< absent: the price is not known
};

/// @param replies  to card_questions(), in their order
JudgeCard judge_card(std::span<const JudgeReply> replies, const ScoreRule& rule);

Json to_json(const JudgeCard& card);

/// For people, a line each.
std::string card_text(const JudgeCard& card);

}  // namespace polaris
