#include "text/sentences.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/golden_text_test.h"

namespace polaris {
namespace {

std::vector<std::string> sentences(const std::string& text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (const std::size_t end : sentence_ends(text)) {
    out.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return out;
}

using Strings = std::vector<std::string>;

TEST(EndsSentence, SeesTerminatorsBehindClosingQuotesAndSpace) {
  for (const char* text : {"He left.", "He left. \n\n", "“Go!”", "(He left.)", "Why?", "And then…",
                           "*No.*", "He said 'go.'", "It was I.", "“No.”", "He came at 5 p.m."})
    EXPECT_TRUE(ends_sentence(text)) << text;
}

TEST(EndsSentence, IsNotFooledByAbbreviationsInitialsAndOpenText) {
  for (const char* text : {"", "   ", "He left", "He left,", "“Go", "Mr.", "said Mrs. ", "e.g.",
                           "J.", "J.R.R.", "met J. R.", "Dr.”", "\xFF", "\xE2\x80"})
    EXPECT_FALSE(ends_sentence(text)) << text;
}

TEST(SentenceEnds, FollowQuotesAndGoOnBeforeSmallLetters) {
  EXPECT_EQ(sentences("“Go!” she said. He went."), (Strings{"“Go!” she said.", " He went."}));
  EXPECT_EQ(sentences("“Go.” He went. “Why?” “Because.”"),
            (Strings{"“Go.”", " He went.", " “Why?”", " “Because.”"}));
  EXPECT_EQ(sentences("He waited ... and left. Then... Nothing"),
            (Strings{"He waited ... and left.", " Then..."}));
}

TEST(SentenceEnds, StepOverAbbreviationsNumbersAndNames) {
  EXPECT_EQ(
      sentences("Mr. J. R. Hale paid 3.50 to St. Ives, i.e. Nobody. No. 7 was empty. No. He"),
      (Strings{"Mr. J. R. Hale paid 3.50 to St. Ives, i.e. Nobody.", " No. 7 was empty.", " No."}));
}

TEST(SentenceEnds, ANewParagraphNeedsNoCapital) {
  EXPECT_EQ(sentences("It ended.\n\nthen it began.").size(), 2U);
}

TEST(LastSentenceEnd, IsWhereACutTextIsWhole) {
  const std::string text = "He left. She stayed and";
  EXPECT_EQ(last_sentence_end(text), 8U);
  EXPECT_EQ(last_sentence_end("no end here"), std::nullopt);
}

TEST(Paragraphs, AreBlocksBetweenBlankLines) {
  const std::string text = "\n\n  one\nstill one \r\n\r\ntwo\n \t\n\n three\n";
  Strings found;
  for (const ByteRange range : paragraphs(text))
    found.push_back(text.substr(range.begin, range.end - range.begin));
  EXPECT_EQ(found, (Strings{"one\nstill one", "two", "three"}));
  EXPECT_TRUE(paragraphs(" \n\n ").empty());
}

TEST(EndsParagraph, NeedsABlankLine) {
  EXPECT_TRUE(ends_paragraph("one\n\n"));
  EXPECT_TRUE(ends_paragraph("one\r\n \r\n"));
  EXPECT_FALSE(ends_paragraph("one\n"));
  EXPECT_FALSE(ends_paragraph("one\n\ntwo"));
}

// Published prose: nearly every paragraph ends a sentence, and sentences have a usual length.
TEST(SentenceEnds, FitRealStories) {
  const std::string text = golden_file("reward/texts/sea_raiders.txt");
  const auto blocks = paragraphs(text);
  std::size_t closed = 0;
  for (const ByteRange range : blocks)
    closed += ends_sentence(text.substr(range.begin, range.end - range.begin)) ? 1 : 0;
  EXPECT_GE(closed * 10, blocks.size() * 8);
  const std::size_t words = 3992;  // golden count/long_sea_raiders
  const std::size_t found = sentence_ends(text).size();
  EXPECT_GT(found, words / 40);
  EXPECT_LT(found, words / 12);
}

TEST(SentenceEnds, TakeAnyBytesAndEveryEndAlsoEndsTheTextBeforeIt) {
  std::mt19937 random(4);
  const Strings pieces = {".", "!", "…",  "”",    "\"",   " ", "\n\n",
                          "A", "b", "Mr", "\xE2", "\xFF", "3"};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (auto n = random() % 20; n > 0; --n) text += pieces[random() % pieces.size()];
    std::size_t at = 0;
    for (const std::size_t end : sentence_ends(text)) {
      ASSERT_LT(at, end);
      ASSERT_TRUE(ends_sentence(std::string_view(text).substr(0, end))) << text;
      at = end;
    }
    for (const ByteRange range : paragraphs(text)) ASSERT_LT(range.begin, range.end);
  }
}

}  // namespace
}  // namespace polaris
