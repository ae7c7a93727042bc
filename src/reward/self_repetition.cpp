#include "reward/self_repetition.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "text/repeats.h"

namespace polaris {
namespace {

constexpr double kShareOfRepeated = 0.7;
constexpr double kShareOfNearby = 0.3;

int as_int(std::int64_t value) {
  return static_cast<int>(std::min<std::int64_t>(value, std::numeric_limits<int>::max()));
}

double repeated_lines(std::string_view story) {
  std::vector<std::uint32_t> ids;
  for (const TextLine& line : text_lines(story)) ids.push_back(line.id);
  return repeat_stats(ids, /*window=*/0).repeated_ratio();
}

}  // namespace

SelfRepetition self_repetition(std::string_view story, const SelfRepetitionRule& rule) {
  const std::vector<std::uint32_t> grams = gram_ids(repeat_tokens(story).ids, as_int(rule.n));
  const RepeatStats repeats = repeat_stats(grams, as_int(rule.window));
  SelfRepetition out;
  out.grams =
      rule.grams_weight * kShareOfRepeated * std::max(0.0, repeats.repeated_ratio() - rule.hinge);
  out.local = rule.grams_weight * kShareOfNearby * repeats.local_ratio();
  out.lines = rule.lines_weight * repeated_lines(story);
  out.penalty = std::min(rule.cap, out.grams + out.local + out.lines);
  return out;
}

}  // namespace polaris
