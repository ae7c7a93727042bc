#include "text/added_tokens.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

/// "text|<token>|text": the segments, added tokens in angle brackets as they are spelled.
std::string cut(const std::vector<AddedToken>& tokens, std::string_view text,
                std::vector<ByteRange> plain = {}) {
  const AddedTokenFinder finder(tokens, [](const AddedToken& token) { return token.content; });
  std::string result;
  for (const auto& segment : finder.cut(text, plain)) {
    const auto [begin, end] = segment.range;
    if (!result.empty()) result += '|';
    if (segment.token) result += std::to_string(*segment.token) + ":";
    result += text.substr(begin, end - begin);
  }
  return result;
}

TEST(AddedTokenFinder, TakesTheLeftmostAndOfTheseTheLongest) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .content = "<a>"}, {.id = 2, .content = "<a>b"}, {.id = 3, .content = "a>bc"}};
  EXPECT_EQ(cut(tokens, "x<a>bc<a>"), "x|2:<a>b|c|1:<a>");
  EXPECT_EQ(cut(tokens, "<a"), "<a");
  EXPECT_EQ(cut(tokens, ""), "");
  EXPECT_EQ(cut({}, "<a>"), "<a>");
}

TEST(AddedTokenFinder, MatchesNothingThatOverlapsAPlainRange) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .content = "<a>"}, {.id = 2, .content = "<a>b"}, {.id = 3, .content = ">x<"}};
  EXPECT_EQ(cut(tokens, "<a><a><a>", {{3, 6}}), "1:<a>|<a>|1:<a>");
  EXPECT_EQ(cut(tokens, "<a><a><a>", {{4, 5}}), "1:<a>|<a>|1:<a>");
  EXPECT_EQ(cut(tokens, "<a>b", {{3, 4}}), "1:<a>|b");  // the shorter one fits
  EXPECT_EQ(cut(tokens, "<a>x<a>", {{0, 3}}), "<a>x|1:<a>");
  EXPECT_EQ(cut(tokens, "<a><a>", {{0, 1}, {4, 6}}), "<a><a>");
  EXPECT_EQ(cut(tokens, "<a><a>", {{3, 3}}), "1:<a>|1:<a>");
}

TEST(AddedTokenFinder, TakesWhiteSpaceAlongWhenTheFlagsSaySo) {
  const std::vector<AddedToken> tokens = {{.id = 1, .content = "<l>", .lstrip = true},
                                          {.id = 2, .content = "<r>", .rstrip = true}};
  EXPECT_EQ(cut(tokens, "a \u3000<l> b"), "a|1: \u3000<l>| b");
  EXPECT_EQ(cut(tokens, "a <r> \n b"), "a |2:<r> \n |b");
  EXPECT_EQ(cut(tokens, "<r> <l>"), "2:<r> |1:<l>");  // white space goes to the first
  EXPECT_EQ(cut(tokens, "  <l>"), "1:  <l>");
}

TEST(AddedTokenFinder, KeepsSingleWordTokensAwayFromWordCharacters) {
  const std::vector<AddedToken> tokens = {{.id = 1, .content = "me", .single_word = true}};
  EXPECT_EQ(cut(tokens, "me, some me_ \u00E9me me\u0301 me."),
            "1:me|, some me_ \u00E9me me\u0301 |1:me|.");
}

}  // namespace
}  // namespace polaris
