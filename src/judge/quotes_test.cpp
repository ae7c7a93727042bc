#include "judge/quotes.h"

#include <gtest/gtest.h>

#include "judge/judge_testing.h"

namespace polaris {
namespace {

QuoteCheck check(std::string_view quote, std::string_view story) {
  const QuoteCheck result = QuoteChecker(story, 12).check(quote);
  EXPECT_EQ(QuoteChecker(story, 12).status(quote), result.status) << quote;
  return result;
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

TEST(QuoteChecker, DoesNotTakeALetterForTheBeginningOfAnother) {
  EXPECT_EQ(check("cafe", "the cafe\u0301 was shut").status, QuoteStatus::kNotFound);
  EXPECT_EQ(check("was  shut ", "the cafe\u0301 was\nshut").status, QuoteStatus::kExact);
  EXPECT_EQ(check("\u201CWell...\u201D", "\u2018Well\u2026\u2019 he said").status,
            QuoteStatus::kExact);
}

TEST(QuoteChecker, FindsWholeCharactersOnly) {
  EXPECT_EQ(check("\xA9", "caf\u00E9").status, QuoteStatus::kNotFound) << "half of a letter";
  EXPECT_EQ(check("\u2019s ", "that\u2019s it").status, QuoteStatus::kExact);
}

TEST(QuoteChecker, FoldsEveryRunOfWhiteSpace) {
  const char* story = "  one  two \n\n three\tfour     five\u00A0 six ";
  for (const char* quote :
       {"one two", "two three four", "four  five", "five six", "one\ntwo three"})
    EXPECT_EQ(check(quote, story).status, QuoteStatus::kExact) << quote;
  EXPECT_EQ(check("onetwo", story).status, QuoteStatus::kNotFound);
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
