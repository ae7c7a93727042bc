// The Story Quality rubric as data: what prompts/story_quality.json and .md say.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "judge/judge.h"

namespace polaris {

/// Points and what earns them.
struct ScoreBand {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::string text;
};

/// One of P1-P6 and N1-N10.
struct RubricDimension {
  std::string id;   ///< "P2"
  std::string key;  ///< "arc_pacing_ending", in answers
  std::string name;
  std::int64_t max = 0;
  std::string question;
  std::vector<std::string> covers;
  /// What is not counted here, and the id of the dimension that counts it (or "no charge").
  std::vector<std::pair<std::string, std::string>> belongs_elsewhere;
  std::optional<std::string> note;
  std::vector<ScoreBand> bands;
  /// Its name in the published rubric, whose answers have <published>_score and
  /// <published>_justification.
  std::string published;
};

/// Bonus or penalty: what no dimension covers.
struct RubricAdjustment {
  /// The names of the published rubric's fields.
  struct Published {
    std::string claim;
    std::string quotes;
    std::string nearest;
    std::string why_not_covered;
    std::string score;
  };

  std::string id;   ///< "B" or "X"
  std::string key;  ///< "bonus" or "penalty"
  std::string name;
  std::int64_t max = 0;
  std::string covers;
  std::vector<ScoreBand> bands;
  Published published;
};

/// A word for an overall score.
struct QualityLabel {
  std::string name;
  std::optional<std::int64_t> min;  ///< absent: the lowest one
};

/// What the instructions say about totals.
struct TotalsWording {
  std::string instruction;
  std::string answer;
};

struct Rubric {
  std::string version;
  std::int64_t quote_max_words = 0;
  std::int64_t quotes_max = 0;  ///< quotes per dimension
  std::vector<QualityLabel> labels;
  std::vector<RubricDimension> positive;  ///< in the order of Verdict::positive
  std::vector<RubricDimension> negative;  ///< in the order of Verdict::negative
  RubricAdjustment bonus;
  RubricAdjustment penalty;
  TotalsWording recomputed;
  TotalsWording as_claimed;
  std::string instructions;  ///< Markdown with {{places}} that rubric_text() fills
};

/// Reads story_quality.json and story_quality.md.
/// @param folder  prompts/ of the checkout
/// @throws Error{kIo}; Error{kInvalidData} if the file is not a rubric, or not one that fits the
///         program: other dimensions or maxima than judge.h, bands with gaps
Rubric load_rubric(const std::filesystem::path& folder);

/// The label of an overall score: the one with the highest minimum that it reaches.
const std::string& quality_label(const Rubric& rubric, double overall);

}  // namespace polaris
