#include "base/strings.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

using Views = std::vector<std::string_view>;
using Texts = std::vector<std::string>;

TEST(Trim, RemovesAsciiSpaceAtBothEndsOnly) {
  EXPECT_EQ(trim(" \t\r\n\v\f a b \n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\u00A0a"), "\u00A0a");  // a no-break space is not ASCII
}

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(split("a,b", ','), (Views{"a", "b"}));
  EXPECT_EQ(split(",a,,b,", ','), (Views{"", "a", "", "b", ""}));
  EXPECT_EQ(split("", ','), Views{""});
  EXPECT_EQ(split("abc", ','), Views{"abc"});
}

TEST(Join, IsTheInverseOfSplit) {
  for (const char* text : {"", "a", "a,b", ",a", "a,", ",,"}) {
    const Views pieces = split(text, ',');
    EXPECT_EQ(join(Texts(pieces.begin(), pieces.end()), ","), text);
  }
  EXPECT_EQ(join(Texts{}, ","), "");
  EXPECT_EQ(join(Texts{"a", "b", "c"}, ", "), "a, b, c");
}

TEST(EditDistance, CountsInsertionsDeletionsAndSubstitutions) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("wieght", "weight"), 2U);
}

TEST(Nearest, FindsSlipsOfTheHand) {
  const Texts known = {"peak_weight", "warmup_steps", "enabled"};
  EXPECT_EQ(nearest("peak_wieght", known), "peak_weight");
  EXPECT_EQ(nearest("warmup_step", known), "warmup_steps");
  EXPECT_EQ(nearest("temperature", known), "");
  EXPECT_EQ(nearest("x", Texts{}), "");
}

TEST(Nearest, DoesNotGuessWhenNothingOfTheWordIsLeft) {
  EXPECT_EQ(nearest("", Texts{"lr"}), "");
  EXPECT_EQ(nearest("xy", Texts{"lr"}), "");
  EXPECT_EQ(nearest("ls", Texts{"lr"}), "lr");
}

TEST(Nearest, PrefersTheCloserThenTheEarlier) {
  EXPECT_EQ(nearest("step", Texts{"stop_at", "steps"}), "steps");
  EXPECT_EQ(nearest("steq", Texts{"step", "stew"}), "step");
}

TEST(Shorten, CountsCharactersNotBytes) {
  EXPECT_EQ(shorten("Käse", 4), "Käse");
  EXPECT_EQ(shorten("Käsebrot", 4), "Käs…");
  EXPECT_EQ(shorten("Käse", 2), "K…");
  EXPECT_EQ(shorten("日本語", 2), "日…");
  EXPECT_EQ(shorten("ab", 1), "…");
  EXPECT_EQ(shorten("ab", 0), "");
  EXPECT_EQ(shorten("", 0), "");
}

TEST(Shorten, BoundsBytesThatAreNotUtf8) {
  EXPECT_LE(shorten(std::string(10'000, '\x80'), 10).size(), 4U * 10 + 3);
  EXPECT_EQ(shorten("a\xff", 5), "a\xff");
}

TEST(HumanBytes, RoundsToOneDecimal) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(1.5e9), "1.5 GB");
  EXPECT_EQ(human_bytes(2.5e15), "2500.0 TB");
}

TEST(HumanBytes, NeverSaysAThousandOfAUnit) {
  EXPECT_EQ(human_bytes(999.7), "1.0 kB");
  EXPECT_EQ(human_bytes(999'960), "1.0 MB");
  EXPECT_EQ(human_bytes(999'940), "999.9 kB");
}

TEST(HumanSeconds, ChangesItsUnitWithTheSize) {
  EXPECT_EQ(human_seconds(0.0), "0.0 s");
  EXPECT_EQ(human_seconds(0.0021), "2 ms");
  EXPECT_EQ(human_seconds(0.0996), "0.1 s");
  EXPECT_EQ(human_seconds(9.94), "9.9 s");
  EXPECT_EQ(human_seconds(9.96), "10 s");
  EXPECT_EQ(human_seconds(59.6), "1 min 00 s");
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_seconds(3599.6), "1 h 00 min");
  EXPECT_EQ(human_seconds(7500), "2 h 05 min");
}

}  // namespace
}  // namespace polaris
