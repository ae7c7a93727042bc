#include "judge/answer_schema.h"

#include <fmt/format.h>

#include <numeric>
#include <span>
#include <string>
#include <string_view>

namespace polaris {
namespace {

OrderedJson text(std::string_view description) {
  return {{"type", "string"}, {"description", description}};
}

OrderedJson points(std::int64_t max) {
  return {{"type", "integer"}, {"minimum", 0}, {"maximum", max}};
}

OrderedJson quotes(const Rubric& rubric) {
  return {{"type", "array"},
          {"items", {{"type", "string"}}},
          {"maxItems", rubric.quotes_max},
          {"description", fmt::format("Exact words of the story, at most {} words per quote.",
                                      rubric.quote_max_words)}};
}

/// An object in which every property is required and no other is allowed.
OrderedJson closed_object(OrderedJson properties) {
  OrderedJson required = OrderedJson::array();
  for (const auto& [key, unused] : properties.items()) required.push_back(key);
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

/// The same with a description, which stands behind the type.
OrderedJson described(std::string_view description, const OrderedJson& object) {
  OrderedJson result = {{"type", object["type"]}, {"description", description}};
  result.update(object);
  return result;
}

OrderedJson dimension(const Rubric& rubric, const RubricDimension& one) {
  return described(
      fmt::format("{} {}", one.id, one.name),
      closed_object({{"quotes", quotes(rubric)},
                     {"why", text("One to three sentences: deciding observation, why not higher, "
                                  "why not lower.")},
                     {"score", points(one.max)}}));
}

/// @param noun  what the claim names: "achievement"
OrderedJson adjustment(const Rubric& rubric, const RubricAdjustment& one, std::string_view noun,
                       std::span<const RubricDimension> dimensions) {
  OrderedJson nearest = OrderedJson::array({"none"});
  for (const RubricDimension& dimension : dimensions) nearest.push_back(dimension.id);
  return described(
      one.name + "; 0 in the normal case",
      closed_object(
          {{"claim",
            text(fmt::format("The named {} and where it happens, or an empty string.", noun))},
           {"quotes", quotes(rubric)},
           {"nearest", {{"type", "string"}, {"enum", std::move(nearest)}}},
           {"why_not_covered", {{"type", "string"}}},
           {"score", points(one.max)}}));
}

OrderedJson total(std::string_view description, std::int64_t max) {
  OrderedJson schema = points(max);
  schema["description"] = description;
  return schema;
}

std::int64_t sum_of(std::span<const std::int64_t> maxima) {
  return std::accumulate(maxima.begin(), maxima.end(), std::int64_t{0});
}

}  // namespace

OrderedJson answer_schema(const Rubric& rubric, TotalsRule totals) {
  OrderedJson properties = OrderedJson::object();
  for (const auto* dimensions : {&rubric.positive, &rubric.negative}) {
    for (const RubricDimension& one : *dimensions) properties[one.key] = dimension(rubric, one);
  }
  properties[rubric.bonus.key] = adjustment(rubric, rubric.bonus, "achievement", rubric.positive);
  properties[rubric.penalty.key] = adjustment(rubric, rubric.penalty, "failure", rubric.negative);
  if (totals == TotalsRule::kAsClaimed) {
    properties[kTotalKeys.positive] = total("Sum of P1 to P6.", sum_of(kPositiveMax));
    properties[kTotalKeys.negative] = total("Sum of N1 to N10.", sum_of(kNegativeMax));
    properties[kTotalKeys.bonus] = total("Score of the bonus.", kCatchAllMax);
    properties[kTotalKeys.penalty] = total("Score of the penalty.", kCatchAllMax);
  }
  properties["overall_comment"] = text("Two to five sentences, no numbers.");

  OrderedJson schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                        {"title", "story_quality_answer"}};
  schema.update(closed_object(std::move(properties)));
  return schema;
}

}  // namespace polaris
