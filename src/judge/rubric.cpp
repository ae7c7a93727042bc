#include "judge/rubric.h"

#include <fmt/format.h>

#include <span>

#include "base/error.h"
#include "base/file_system.h"
#include "base/json.h"

namespace polaris {
namespace {

constexpr std::uintmax_t kMaxBytes = 1U << 20;

std::string text_of(const OrderedJson& json, const char* key) {
  return json.at(key).get<std::string>();
}

std::vector<ScoreBand> bands_of(const OrderedJson& json) {
  std::vector<ScoreBand> bands;
  for (const OrderedJson& band : json.at("bands")) {
    bands.push_back({.min = band.at("min").get<std::int64_t>(),
                     .max = band.at("max").get<std::int64_t>(),
                     .text = text_of(band, "text")});
  }
  return bands;
}

RubricDimension dimension_of(const OrderedJson& json) {
  RubricDimension dimension{.id = text_of(json, "id"),
                            .key = text_of(json, "key"),
                            .name = text_of(json, "name"),
                            .max = json.at("max").get<std::int64_t>(),
                            .question = text_of(json, "question"),
                            .covers = json.at("covers").get<std::vector<std::string>>(),
                            .bands = bands_of(json),
                            .published = text_of(json, "published")};
  for (const auto& [what, where] : json.at("belongs_elsewhere").items())
    dimension.belongs_elsewhere.emplace_back(what, where.get<std::string>());
  if (json.contains("note")) dimension.note = text_of(json, "note");
  return dimension;
}

RubricAdjustment adjustment_of(const OrderedJson& json) {
  const OrderedJson& published = json.at("published");
  return {.id = text_of(json, "id"),
          .key = text_of(json, "key"),
          .name = text_of(json, "name"),
          .max = json.at("max").get<std::int64_t>(),
          .covers = text_of(json, "covers"),
          .bands = bands_of(json),
          .published = {.claim = text_of(published, "claim"),
                        .quotes = text_of(published, "quotes"),
                        .nearest = text_of(published, "nearest"),
                        .why_not_covered = text_of(published, "why_not_covered"),
                        .score = text_of(published, "score")}};
}

TotalsWording wording_of(const OrderedJson& json) {
  return {.instruction = text_of(json, "instruction"), .answer = text_of(json, "answer")};
}

Rubric rubric_of(const OrderedJson& json) {
  Rubric rubric{.version = text_of(json, "version"),
                .quote_max_words = json.at("quote_max_words").get<std::int64_t>(),
                .quotes_max = json.at("quotes_max").get<std::int64_t>(),
                .bonus = adjustment_of(json.at("bonus")),
                .penalty = adjustment_of(json.at("penalty")),
                .recomputed = wording_of(json.at("totals").at("recomputed")),
                .as_claimed = wording_of(json.at("totals").at("as_claimed"))};
  for (const OrderedJson& label : json.at("labels")) {
    rubric.labels.push_back({.name = text_of(label, "name")});
    if (label.contains("min")) rubric.labels.back().min = label.at("min").get<std::int64_t>();
  }
  for (const OrderedJson& one : json.at("positive")) rubric.positive.push_back(dimension_of(one));
  for (const OrderedJson& one : json.at("negative")) rubric.negative.push_back(dimension_of(one));
  return rubric;
}

void refuse(const std::string& reason) { throw Error(ErrorCode::kInvalidData, reason); }

/// Bands must cover 0 ... max without gap or overlap.
void check_bands(const std::string& id, std::int64_t max, std::span<const ScoreBand> bands) {
  std::int64_t next = 0;
  for (const ScoreBand& band : bands) {
    if (band.min != next || band.max < band.min)
      refuse(fmt::format("{}: the band {}..{} should begin at {}", id, band.min, band.max, next));
    next = band.max + 1;
  }
  if (next != max + 1) refuse(fmt::format("{}: the bands end at {}, not {}", id, next - 1, max));
}

void check_dimensions(char letter, std::span<const RubricDimension> dimensions,
                      std::span<const std::int64_t> maxima) {
  if (dimensions.size() != maxima.size())
    refuse(fmt::format("{} dimensions {}; the program knows {}", dimensions.size(), letter,
                       maxima.size()));
  for (std::size_t i = 0; i < maxima.size(); ++i) {
    const RubricDimension& one = dimensions[i];
    const std::string id = fmt::format("{}{}", letter, i + 1);
    if (one.id != id || one.max != maxima[i])
      refuse(fmt::format("{} (maximum {}) stands where the program expects {} (maximum {})", one.id,
                         one.max, id, maxima[i]));
    check_bands(id, one.max, one.bands);
  }
}

void check(const Rubric& rubric) {
  check_dimensions('P', rubric.positive, kPositiveMax);
  check_dimensions('N', rubric.negative, kNegativeMax);
  for (const RubricAdjustment* one : {&rubric.bonus, &rubric.penalty}) {
    if (one->max != kCatchAllMax)
      refuse(fmt::format("{}: maximum {}; the program knows {}", one->id, one->max, kCatchAllMax));
    check_bands(one->id, one->max, one->bands);
  }
  if (rubric.labels.empty() || rubric.labels.front().min)
    refuse("the first label must be the one without \"min\"");
  for (std::size_t i = 1; i < rubric.labels.size(); ++i) {
    if (!rubric.labels[i].min || (i > 1 && *rubric.labels[i].min <= *rubric.labels[i - 1].min))
      refuse("the labels after the first need a \"min\" each, in rising order");
  }
  if (rubric.quote_max_words < 1 || rubric.quotes_max < 1)
    refuse("quote_max_words and quotes_max must be at least 1");
}

}  // namespace

Rubric load_rubric(const std::filesystem::path& folder) {
  const auto path = folder / "story_quality.json";
  FileSystem& files = real_file_system();
  const OrderedJson json = parse_ordered_json(files.read(path, kMaxBytes), path.string());
  std::string instructions = files.read(folder / "story_quality.md", kMaxBytes);
  try {
    Rubric rubric = rubric_of(json);
    check(rubric);
    rubric.instructions = std::move(instructions);
    return rubric;
  } catch (const Error& e) {
    throw e.within(path.string());
  } catch (const OrderedJson::exception& e) {
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: {}", path.string(), e.what()));
  }
}

const std::string& quality_label(const Rubric& rubric, double overall) {
  const QualityLabel* label = &rubric.labels.front();
  for (const QualityLabel& one : rubric.labels) {
    if (one.min && overall >= static_cast<double>(*one.min)) label = &one;
  }
  return label->name;
}

}  // namespace polaris
