#include "judge/quotes.h"

#include <gtest/gtest.h>

#include "judge/judge_testing.h"

namespace polaris {
namespace {

QuoteCheck check(std::string_view quote, std::string_view story) {
  return QuoteChecker(story, 12).check(quote);
}

TEST(QuoteChecker, AgreesWithTheGoldenCases) {
  const auto cases = golden_eval_cases("quote_check");
  EXPECT_EQ(cases.size(), 11U);
  for (const OrderedJson& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const OrderedJson& expected = c["expected"];
    const QuoteCheck result =
        check(c["input"]["quote"].get<std::string>(), c["input"]["story"].get<std::string>());
    EXPECT_EQ(quote_status_name(result.status), expected["status"].get<std::string>());
    EXPECT_EQ(result.words, expected["words"].get<std::int64_t>());
    ASSERT_EQ(result.position.has_value(), !expected["position"].is_null());
    if (!result.position) continue;
    EXPECT_NEAR(*result.position, expected["position"].get<double>(), 1e-9);
  }
}

TEST(QuoteChecker, ComparesComposedAndDecomposedLettersAlike) {
  EXPECT_EQ(check("the re\u0301sume\u0301", "She read the r\u00E9sum\u00E9.").status,
            QuoteStatus::kExact);
}

TEST(QuoteChecker, IgnoresCaseBeyondAscii) {
  EXPECT_EQ(check("\u00DCBER DEN FLUSS", "\u00FCber den Fluss").status, QuoteStatus::kCaseOnly);
}

TEST(QuoteChecker, CountsPositionsInCharacters) {
  EXPECT_DOUBLE_EQ(check("b", "\u00E9\u00E9\u00E9b").position.value(), 0.75);
}

TEST(QuoteChecker, FindsNothingInAnEmptyStory) {
  EXPECT_EQ(check("a", "").status, QuoteStatus::kNotFound);
  EXPECT_EQ(check("", "").status, QuoteStatus::kEmpty);
  EXPECT_EQ(check("\xFF", "a\xFFz").status, QuoteStatus::kExact) << "bytes that are not UTF-8";
}

}  // namespace
}  // namespace polaris
