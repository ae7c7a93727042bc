#include "text/unicode.h"

#include <gtest/gtest.h>

#include "text/golden_text_test.h"

namespace polaris {
namespace {

TEST(UnicodeClasses, AreThoseOfTheReferenceRegexEngine) {
  const auto golden = OrderedJson::parse(golden_file("tokenizer/unicode_classes.json"));
  const std::pair<const char*, bool (*)(char32_t)> classes[] = {
      {"L", is_letter}, {"M", is_mark}, {"N", is_number}, {"space", is_white_space}};
  for (const auto& [name, has_class] : classes) {
    std::vector<bool> expected(0x110000);
    for (const auto& range : golden[name]) {
      for (auto c = range[0].get<std::size_t>(); c <= range[1].get<std::size_t>(); ++c)
        expected[c] = true;
    }
    std::size_t wrong = 0;
    for (char32_t c = 0; c < 0x110000; ++c) wrong += has_class(c) != expected[c] ? 1U : 0U;
    EXPECT_EQ(wrong, 0U) << name;
  }
  EXPECT_EQ(unicode_flags(0x110000), 0);
  EXPECT_EQ(unicode_flags(0xFFFFFFFF), 0);
}

TEST(UnicodeClasses, KnowSpacesAndLineBreaksAsPythonDoes) {
  std::vector<char32_t> spaces_of_python_only;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (is_python_space(c) != is_white_space(c)) spaces_of_python_only.push_back(c);
  }
  EXPECT_EQ(spaces_of_python_only, (std::vector<char32_t>{0x1C, 0x1D, 0x1E, 0x1F}));
  std::vector<char32_t> breaks;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (is_line_break(c)) breaks.push_back(c);
  }
  EXPECT_EQ(breaks, (std::vector<char32_t>{0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85, 0x2028,
                                           0x2029}));
  EXPECT_TRUE(is_word(U'_') && is_word(U'\u00E9') && is_word(U'\u00BD') && is_word(U'\u4E2D'));
  EXPECT_FALSE(is_word(U'-') || is_word(U'\u0301') || is_word(U' '));
}

TEST(Utf8, RoundTripsEveryCodePoint) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    std::size_t pos = 0;
    ASSERT_EQ(decode_utf8(text, pos), c);
    ASSERT_EQ(pos, text.size());
    ASSERT_TRUE(is_valid_utf8(text));
  }
  std::string surrogate;
  append_utf8(surrogate, 0xD800);
  EXPECT_EQ(surrogate, "\uFFFD");
}

// The examples of the Unicode standard, table 3-8 and its neighbours: one U+FFFD per maximal part.
TEST(Utf8, ReplacesEveryMaximalInvalidPartOnce) {
  const std::pair<std::string, std::string> cases[] = {
      {"a\xF1\x80\x80\xE1\x80\xC2"
       "b\x80"
       "c\x80\xBF"
       "d",
       "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd"},
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
       "A",
       "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF4\x91\x92\x93\xFF", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xE2\x82", "\uFFFD"},
      {"plain \u20AC", "plain \u20AC"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_EQ(to_valid_utf8(bytes), expected);
    EXPECT_EQ(is_valid_utf8(bytes), bytes == expected);
  }
}

TEST(Utf8, HoldsBackOnlyWhatMoreBytesCouldComplete) {
  const std::pair<std::string, std::size_t> cases[] = {
      {"", 0},          {"abc", 0},      {"\u20AC", 0},       {"a\xE2", 1},
      {"a\xE2\x82", 2}, {"\xF0\x9F", 2}, {"\xF0\x9F\x98", 3}, {"\xE0\x80", 0},
      {"\xFF", 0},      {"\x82\x82", 0}, {"\xE2\xE2\x82", 2}};
  for (const auto& [bytes, tail] : cases) EXPECT_EQ(incomplete_utf8_tail(bytes), tail) << bytes;
}

TEST(Nfc, NormalisesTheGoldenTexts) {
  for (const auto& row : golden_lines("tokenizer/pretokenize.jsonl"))
    EXPECT_EQ(nfc(row["text"].get<std::string>()), row["nfc"].get<std::string>());
}

TEST(Nfc, ComposesReordersAndLeavesExclusionsDecomposed) {
  EXPECT_EQ(nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(nfc("a\u0323\u0307 a\u0307\u0323"), "\u1EA1\u0307 \u1EA1\u0307");
  EXPECT_EQ(nfc("\u1112\u1161\u11AB"), "\uD55C");
  EXPECT_EQ(nfc("\u0958"), "\u0915\u093C");  // a composition exclusion
  EXPECT_EQ(nfc("\u212B\u2126"), "\u00C5\u03A9");
  EXPECT_EQ(nfc("\u0301x"), "\u0301x");
  EXPECT_EQ(nfc("x\xFF"
                "e\u0301"),
            "x\uFFFD\u00E9");
}

TEST(Nfc, SortsALongRunOfMarksInNoTime) {
  std::string text = "a";
  std::string sorted = "\u1EA1";  // takes the first dot below
  for (int i = 0; i < 50'000; ++i) text += "\u0301\u0323";
  for (int i = 1; i < 50'000; ++i) sorted += "\u0323";
  for (int i = 0; i < 50'000; ++i) sorted += "\u0301";
  EXPECT_EQ(nfc(text), sorted);  // minutes, if it were quadratic
}

TEST(Lower, MapsAsPythonDoes) {
  EXPECT_EQ(lower("HELLO \u00C9\u0394 \u0130"), "hello \u00E9\u03B4 i\u0307");
  EXPECT_EQ(lower("\u039F\u0394\u039F\u03A3 \u03A3 \u03A3\u0391\u03A3."),
            "\u03BF\u03B4\u03BF\u03C2 \u03C3 \u03C3\u03B1\u03C2.");
  EXPECT_EQ(lower("\u0391'\u03A3'"), "\u03B1'\u03C2'");  // ignorable characters do not count
  EXPECT_EQ(lower("\u0391\u03A3'\u0391"), "\u03B1\u03C3'\u03B1");
  EXPECT_EQ(lower("\u1E9E\U00010400\u2160\u1C89"), "\u00DF\U00010428\u2170\u1C8A");
}

}  // namespace
}  // namespace polaris
