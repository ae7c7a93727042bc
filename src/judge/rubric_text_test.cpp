#include "judge/rubric_text.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "base/file_system.h"
#include "judge/answer_schema.h"
#include "judge/judge_testing.h"

namespace polaris {
namespace {

std::string spec(const std::string& name) {
  return real_file_system().read(POLARIS_SOURCE_DIR "/specs/" + name);
}

TEST(RubricText, IsTheSpecificationWordForWord) {
  const std::string text = rubric_text(shipped_rubric(), TotalsRule::kRecomputed);
  EXPECT_EQ(text.size(), spec("story_quality_rubric.md").size());
  std::istringstream actual(text);
  std::istringstream expected(spec("story_quality_rubric.md"));
  std::string actual_line;
  std::string expected_line;
  for (int line = 1; std::getline(expected, expected_line); ++line) {
    ASSERT_TRUE(std::getline(actual, actual_line)) << "line " << line;
    ASSERT_EQ(actual_line, expected_line) << "line " << line;
  }
}

TEST(RubricText, AsksForTotalsOnlyWhereTheyCount) {
  const std::string recomputed = rubric_text(shipped_rubric(), TotalsRule::kRecomputed);
  const std::string claimed = rubric_text(shipped_rubric(), TotalsRule::kAsClaimed);
  EXPECT_NE(recomputed.find("you never calculate totals"), std::string::npos);
  EXPECT_EQ(claimed.find("you never calculate totals"), std::string::npos);
  for (const char* key :
       {kTotalKeys.positive, kTotalKeys.negative, kTotalKeys.bonus, kTotalKeys.penalty}) {
    EXPECT_EQ(recomputed.find(key), std::string::npos);
    EXPECT_NE(claimed.find(key), std::string::npos);
  }
}

TEST(RubricText, RefusesInstructionsWithAPlaceTooFewOrTooMany) {
  Rubric rubric = shipped_rubric();
  rubric.instructions += "{{more}}";
  EXPECT_THROW(rubric_text(rubric, TotalsRule::kRecomputed), Error);
  rubric.instructions = "{{positive}}";
  EXPECT_THROW(rubric_text(rubric, TotalsRule::kRecomputed), Error);
}

TEST(AnswerSchema, IsTheSpecificationsByteForByteInItsOrder) {
  const auto expected = OrderedJson::parse(spec("story_quality_answer.schema.json"));
  EXPECT_EQ(answer_schema(shipped_rubric(), TotalsRule::kRecomputed).dump(1), expected.dump(1));
}

TEST(AnswerSchema, GainsTheFourTotalsBeforeTheComment) {
  const OrderedJson schema = answer_schema(shipped_rubric(), TotalsRule::kAsClaimed);
  std::vector<std::string> keys;
  for (const auto& [key, unused] : schema["properties"].items()) keys.push_back(key);
  ASSERT_EQ(keys.size(), 23U);
  EXPECT_EQ(std::vector(keys.end() - 5, keys.end()),
            (std::vector<std::string>{"positive_total", "negative_total", "bonus_total",
                                      "penalty_total", "overall_comment"}));
  EXPECT_EQ(schema["required"].get<std::vector<std::string>>(), keys);
  EXPECT_EQ(schema["properties"]["positive_total"]["maximum"], 100);
  EXPECT_EQ(schema["properties"]["negative_total"]["maximum"], 151);
}

}  // namespace
}  // namespace polaris
