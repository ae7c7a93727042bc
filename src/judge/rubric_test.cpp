#include "judge/rubric.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/temp_folder.h"
#include "judge/judge_testing.h"

namespace polaris {
namespace {

/// The message with which a changed rubric file is refused.
std::string refusal_of(const std::function<void(OrderedJson&)>& change) {
  OrderedJson json =
      OrderedJson::parse(std::ifstream(POLARIS_SOURCE_DIR "/prompts/story_quality.json"));
  change(json);
  const TempFolder folder;
  std::ofstream(folder / "story_quality.json") << json;
  std::ofstream(folder / "story_quality.md") << "text";
  try {
    load_rubric(folder.path());
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    return e.what();
  }
  return "accepted";
}

TEST(Rubric, TheShippedOneHasTheDimensionsOfTheSpecification) {
  const Rubric& rubric = shipped_rubric();
  const auto spec =
      OrderedJson::parse(std::ifstream(POLARIS_SOURCE_DIR "/specs/story_quality_rubric.json"));
  std::vector<const RubricDimension*> dimensions;
  for (const auto& one : rubric.positive) dimensions.push_back(&one);
  for (const auto& one : rubric.negative) dimensions.push_back(&one);
  ASSERT_EQ(dimensions.size(), spec["dimensions"].size());
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const OrderedJson& expected = spec["dimensions"][i];
    EXPECT_EQ(dimensions[i]->id, expected["id"].get<std::string>());
    EXPECT_EQ(dimensions[i]->key, expected["key"].get<std::string>());
    EXPECT_EQ(dimensions[i]->max, expected["max"].get<std::int64_t>());
    EXPECT_EQ(dimensions[i]->published + "_score",
              expected["reference_score_field"].get<std::string>());
    EXPECT_EQ(dimensions[i]->published + "_justification",
              expected["reference_justification_field"].get<std::string>());
  }
  EXPECT_EQ(rubric.version, spec["version"].get<std::string>());
  EXPECT_EQ(rubric.bonus.published.claim, "bonus_target_excellence");
  EXPECT_EQ(rubric.penalty.published.quotes, "penalty_evidence");
}

// golden/eval `sq_infer_rubric`, the case with the reference's own schema.
TEST(Rubric, ThePublishedNamesAndMaximaAreThoseOfTheReference) {
  const Rubric& rubric = shipped_rubric();
  const auto reference = golden_eval_cases("sq_infer_rubric").front();
  ASSERT_EQ(reference["name"], "sq_schema/reference");
  const OrderedJson& max_by_field = reference["expected"]["max_by_field"];
  std::int64_t positive = 0;
  std::int64_t negative = 0;
  for (const auto& one : rubric.positive) {
    EXPECT_EQ(max_by_field[one.published + "_score"], one.max);
    positive += one.max;
  }
  for (const auto& one : rubric.negative) {
    EXPECT_EQ(max_by_field[one.published + "_score"], one.max);
    negative += one.max;
  }
  EXPECT_EQ(max_by_field[rubric.bonus.published.score], rubric.bonus.max);
  EXPECT_EQ(max_by_field[rubric.penalty.published.score], rubric.penalty.max);
  EXPECT_EQ(max_by_field["positive_total"], positive);
  EXPECT_EQ(max_by_field["negative_total"], negative);
}

TEST(Rubric, LabelsAreThoseOfTheGoldenCases) {
  for (const OrderedJson& c : golden_eval_cases("story_quality_label"))
    EXPECT_EQ(quality_label(shipped_rubric(), c["input"]["overall"].get<double>()),
              c["expected"].get<std::string>())
        << c["name"];
  EXPECT_EQ(quality_label(shipped_rubric(), 14.75), "very_poor");
}

TEST(Rubric, IsRefusedWhenItDoesNotFitTheProgram) {
  EXPECT_EQ(refusal_of([](OrderedJson&) {}), "accepted");
  EXPECT_NE(refusal_of([](OrderedJson& json) { json["positive"].erase(5); }).find("5 dimensions P"),
            std::string::npos);
  EXPECT_NE(refusal_of([](OrderedJson& json) {
              json["negative"][1]["max"] = 25;
            }).find("N2 (maximum 25) stands where the program expects N2 (maximum 20)"),
            std::string::npos);
  EXPECT_NE(refusal_of([](OrderedJson& json) {
              json["positive"][0]["bands"].erase(1);
            }).find("P1: the band 10..12 should begin at 5"),
            std::string::npos);
  EXPECT_NE(refusal_of([](OrderedJson& json) {
              json["bonus"]["bands"].erase(3);
            }).find("B: the bands end at 5, not 8"),
            std::string::npos);
  EXPECT_NE(refusal_of([](OrderedJson& json) { json["labels"][0]["min"] = 1; }).find("label"),
            std::string::npos);
  EXPECT_NE(refusal_of([](OrderedJson& json) { json["quotes_max"] = 0; }).find("quotes_max"),
            std::string::npos);
}

TEST(Rubric, IsRefusedByFileAndKeyWhenAMemberIsMissing) {
  const std::string missing =
      refusal_of([](OrderedJson& json) { json["positive"][2].erase("question"); });
  EXPECT_NE(missing.find("story_quality.json"), std::string::npos);
  EXPECT_NE(missing.find("question"), std::string::npos);
  EXPECT_NE(refusal_of([](OrderedJson& json) { json["version"] = 1; }), "accepted");
}

}  // namespace
}  // namespace polaris
