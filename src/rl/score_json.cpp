#include "rl/score_json.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace polaris {
namespace {

using Part = std::pair<const char*, std::optional<double> RewardParts::*>;
constexpr std::array<Part, 6> kParts = {{{"story_quality", &RewardParts::story_quality},
                                         {"self_rep", &RewardParts::self_repetition},
                                         {"length_pen", &RewardParts::length},
                                         {"blank_pen", &RewardParts::blank},
                                         {"overlong", &RewardParts::overlong},
                                         {"thinking_cap", &RewardParts::thinking}}};

std::optional<double> optional_number(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

}  // namespace

const std::vector<ScoredDimension>& scored_dimensions() {
  static const std::vector<ScoredDimension> all = [] {
    std::vector<ScoredDimension> dimensions;
    for (std::size_t i = 0; i < RubricPoints{}.positive.size(); ++i)
      dimensions.push_back(
          {fmt::format("P{}", i + 1), true,
           [i](RubricPoints& points) -> std::int64_t& { return points.positive[i]; }});
    for (std::size_t i = 0; i < RubricPoints{}.negative.size(); ++i)
      dimensions.push_back(
          {fmt::format("N{}", i + 1), false,
           [i](RubricPoints& points) -> std::int64_t& { return points.negative[i]; }});
    dimensions.push_back(
        {"bonus", true, [](RubricPoints& points) -> std::int64_t& { return points.bonus; }});
    dimensions.push_back(
        {"penalty", false, [](RubricPoints& points) -> std::int64_t& { return points.penalty; }});
    return dimensions;
  }();
  return all;
}

void put_score(Json& into, const Score& score) {
  into["reward"] = or_null(score.reward);
  into["failure"] = score.failure;
  Json& parts = into["parts"] = Json::object();
  for (const auto& [name, member] : kParts) parts[name] = or_null(score.parts.*member);
  Json& points = into["points"] = Json();
  if (!score.points) return;
  RubricPoints given = *score.points;
  for (const ScoredDimension& dimension : scored_dimensions())
    points[dimension.name] = dimension.of(given);
}

Score score_from_json(const Json& json) {
  Score score{.reward = optional_number(json.at("reward")),
              .failure = json.at("failure").get<std::string>()};
  for (const auto& [name, member] : kParts)
    score.parts.*member = optional_number(json.at("parts").at(name));
  if (const Json& points = json.at("points"); !points.is_null()) {
    score.points.emplace();
    for (const ScoredDimension& dimension : scored_dimensions())
      dimension.of(*score.points) = points.at(dimension.name).get<std::int64_t>();
  }
  return score;
}

}  // namespace polaris
