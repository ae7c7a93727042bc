#include "reward/length.h"

#include <algorithm>

#include "text/length_sentence.h"

namespace polaris {
namespace {

std::int64_t tolerance(double fraction, const std::array<std::int64_t, 2>& bounds,
                       std::int64_t target) {
  return static_cast<std::int64_t>(std::clamp(fraction * static_cast<double>(target),
                                              static_cast<double>(bounds[0]),
                                              static_cast<double>(bounds[1])));
}

double ratio(std::int64_t words, std::int64_t limit) {
  return static_cast<double>(words) / static_cast<double>(std::max<std::int64_t>(1, limit));
}

std::optional<std::int64_t> unless_zero(std::optional<std::int64_t> words) {
  return words && *words > 0 ? words : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> requested_words(const LengthRequest& request,
                                            const RewardConfig& config) {
  std::optional<std::int64_t> words;
  if (config.target_words == TargetWords::kFieldFirst) {
    words = unless_zero(request.target_words);
    if (!words) words = unless_zero(target_words(request.prompt, TargetWordsRule::kCorrected));
    if (!words) return std::nullopt;
  } else {
    words = unless_zero(target_words(request.prompt, TargetWordsRule::kPublished));
    if (!words) words = count_text(request.target_text, word_form(config)).words;
  }
  return std::max(config.length_rule.min_target, *words);
}

FreeBand free_band(std::int64_t target, const LengthRule& rule) {
  return {.shortest = target - tolerance(rule.lower_fraction, rule.lower_words, target),
          .longest = target + tolerance(rule.upper_fraction, rule.upper_words, target)};
}

double length_penalty(std::int64_t words, std::int64_t target, const LengthRule& rule) {
  const FreeBand band = free_band(target, rule);
  if (words < band.shortest) return std::min(1.0, 1.0 - ratio(words, band.shortest));
  if (words > band.longest) return std::min(1.0, ratio(words, band.longest) - 1.0);
  return 0.0;
}

}  // namespace polaris
