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

std::string heading(const std::string& id, const std::string& key, const std::string& name,
                    std::int64_t max) {
  return fmt::format("### {} `{}`: {} (0 to {})", id, key, name, max);
}

std::string bands_text(std::span<const ScoreBand> bands) {
  std::vector<std::string> lines;
  for (const ScoreBand& band : bands) {
    const std::string range = band.min == band.max ? fmt::format("{}", band.min)
                                                   : fmt::format("{} to {}", band.min, band.max);
    lines.push_back(fmt::format("- **{}**: {}", range, band.text));
  }
  return join(lines, "\n");
}

/// @param verb  "Rewards" or "Charges"
std::string dimensions_text(std::string_view verb, std::span<const RubricDimension> dimensions) {
  std::vector<std::string> paragraphs;
  for (const RubricDimension& one : dimensions) {
    std::vector<std::string> elsewhere;
    for (const auto& [what, where] : one.belongs_elsewhere)
      elsewhere.push_back(fmt::format("{} ({})", what, where));
    paragraphs.push_back(heading(one.id, one.key, one.name, one.max));
    paragraphs.push_back(one.question);
    paragraphs.push_back(fmt::format("{}: {}.", verb, join(one.covers, "; ")));
    paragraphs.push_back(fmt::format("Not here: {}.", join(elsewhere, "; ")));
    if (one.note) paragraphs.push_back(*one.note);
    paragraphs.push_back(bands_text(one.bands));
  }
  return join(paragraphs, "\n\n");
}

std::string adjustments_text(const Rubric& rubric) {
  std::vector<std::string> paragraphs;
  for (const RubricAdjustment* one : {&rubric.bonus, &rubric.penalty}) {
    paragraphs.push_back(heading(one->id, one->key, one->name, one->max));
    paragraphs.push_back(fmt::format("For {}.", one->covers));
    paragraphs.push_back(bands_text(one->bands));
  }
  return join(paragraphs, "\n\n");
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
      {"adjustments", adjustments_text(rubric)},
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
