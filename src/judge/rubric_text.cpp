#include "judge/rubric_text.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

std::string bands_text(std::span<const ScoreBand> bands) {
  std::string text;
  for (const ScoreBand& band : bands) {
    const std::string range = band.min == band.max ? fmt::format("{}", band.min)
                                                   : fmt::format("{} to {}", band.min, band.max);
    text += fmt::format("- **{}**: {}\n", range, band.text);
  }
  return text;
}

std::string heading(const std::string& id, const std::string& key, const std::string& name,
                    std::int64_t max) {
  return fmt::format("### {} `{}`: {} (0 to {})\n\n", id, key, name, max);
}

/// @param verb  "Rewards" or "Charges"
std::string dimensions_text(std::string_view verb, std::span<const RubricDimension> dimensions) {
  std::string text;
  for (const RubricDimension& one : dimensions) {
    std::vector<std::string> elsewhere;
    for (const auto& [what, where] : one.belongs_elsewhere)
      elsewhere.push_back(fmt::format("{} ({})", what, where));
    text += heading(one.id, one.key, one.name, one.max);
    text += fmt::format("{}\n\n{}: {}.\n\nNot here: {}.\n\n", one.question, verb,
                        join(one.covers, "; "), join(elsewhere, "; "));
    if (one.note) text += *one.note + "\n\n";
    text += bands_text(one.bands) + "\n";
  }
  return text;
}

std::string adjustment_text(const RubricAdjustment& one) {
  return heading(one.id, one.key, one.name, one.max) + fmt::format("For {}.\n\n", one.covers) +
         bands_text(one.bands) + "\n";
}

}  // namespace

std::string rubric_text(const Rubric& rubric, TotalsRule totals) {
  const TotalsWording& wording =
      totals == TotalsRule::kAsClaimed ? rubric.as_claimed : rubric.recomputed;
  const std::array<std::pair<std::string_view, std::string>, 5> places = {{
      {"totals_instruction", wording.instruction},
      {"totals_answer", wording.answer},
      {"positive", dimensions_text("Rewards", rubric.positive)},
      {"negative", dimensions_text("Charges", rubric.negative)},
      {"adjustments", adjustment_text(rubric.bonus) + adjustment_text(rubric.penalty)},
  }};
  std::string text = rubric.instructions;
  for (const auto& [name, content] : places) {
    const std::string place = fmt::format("{{{{{}}}}}", name);
    const auto found = text.find(place);
    if (found == std::string::npos)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("the rubric's instructions (story_quality.md) lack {}", place));
    // A place is followed by a line break of its own.
    text.replace(found, place.size(), content.substr(0, content.find_last_not_of('\n') + 2));
  }
  if (const auto rest = text.find("{{"); rest != std::string::npos)
    throw Error(
        ErrorCode::kInvalidData,
        fmt::format("the rubric's instructions (story_quality.md) have an unknown place: {}",
                    shorten(text.substr(rest), 40)));
  return text;
}

}  // namespace polaris
