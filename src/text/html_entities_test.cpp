#include "text/html_entities.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace polaris {
namespace {

// Expected values: html.unescape of CPython 3.11.
TEST(UnescapeHtml, DecodesNamesWithAndWithoutSemicolonAsPythonDoes) {
  EXPECT_EQ(unescape_html("Tom &amp; Ann &copy 2020 &hellip; &lt;b&gt;"), "Tom & Ann © 2020 … <b>");
  EXPECT_EQ(unescape_html("&notanentity; &notin; &notit; &hellip &ampamp;"),
            "¬anentity; ∉ ¬it; &hellip &amp;");
  EXPECT_EQ(unescape_html("&NotEqualTilde;"), "\xE2\x89\x82\xCC\xB8");
  EXPECT_EQ(unescape_html("&CounterClockwiseContourIntegral;"), "∳");
  EXPECT_EQ(unescape_html("&AMP &Amp &é; && &;"), "& &Amp &é; && &;");
  EXPECT_EQ(unescape_html("&amp;amp;"), "&amp;");
}

TEST(UnescapeHtml, DecodesNumbersAsPythonDoes) {
  EXPECT_EQ(unescape_html("&#x41;&#65;&#X42 &#67x"), "AAB Cx");
  EXPECT_EQ(unescape_html("&#0;&#xD800;&#1114112;&#99999999999999999999;"),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(unescape_html("&#128;&#129;&#150;"), "€\xC2\x81–");
  EXPECT_EQ(unescape_html("[&#1;&#11;&#31;&#127;&#xFDD0;&#xFFFE;&#x1FFFF;]"), "[]");
  EXPECT_EQ(unescape_html("[&#9;&#10;&#12;&#13;]"), "[\t\n\f\r]");
  EXPECT_EQ(unescape_html("&# &#; &#x &#xg; &#"), "&# &#; &#x &#xg; &#");
}

TEST(UnescapeHtml, LeavesTextWithoutReferencesAloneWhateverItsBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto n = random() % 40; n > 0; --n) {
      const char c = static_cast<char>(random() % 256);
      text += c == '&' ? ' ' : c;
    }
    EXPECT_EQ(unescape_html(text), text);
    std::string wild;
    for (const char* start : {"&", "&#", "&#x", "&am"}) wild.append(start).append(text);
    EXPECT_LE(unescape_html(wild).size(), wild.size());
  }
}

}  // namespace
}  // namespace polaris
