#include "text/pretokenizer.h"

#include <gtest/gtest.h>

#include "text/golden_text_test.h"
#include "text/unicode.h"

namespace polaris {
namespace {

using Pieces = std::vector<std::string>;

Pieces pieces_of(SplitPattern pattern, std::string_view text) {
  Pieces pieces;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = piece_end(pattern, text, pos);
    EXPECT_GT(end, pos);
    pieces.emplace_back(text.substr(pos, end - pos));
    pos = end;
  }
  return pieces;
}

/// Compares one column of a golden file; rows without it must equal column `otherwise`.
void expect_pieces(SplitPattern pattern, const std::string& folder, const std::string& column,
                   const std::string& otherwise) {
  for (const auto& row : golden_lines(folder + "/pretokenize.jsonl")) {
    const auto text = row[row.contains("nfc") ? "nfc" : "text"].get<std::string>();
    EXPECT_EQ(pieces_of(pattern, text), row.value(column, row[otherwise]).get<Pieces>()) << text;
  }
}

TEST(Pretokenizer, CutsQwen35AsTheReferenceRegexEngine) {
  expect_pieces(SplitPattern::kQwen3_5, "tokenizer", "pieces", "pieces");
}

TEST(Pretokenizer, CutsQwen2AsTheReferenceRegexEngine) {
  expect_pieces(SplitPattern::kQwen2, "tokenizer", "pieces_qwen2_regex", "pieces");
}

TEST(Pretokenizer, CutsLlama3AsTheReferenceRegexEngine) {
  expect_pieces(SplitPattern::kLlama3, "tokenizer_llama3", "pieces", "pieces");
  expect_pieces(SplitPattern::kLlama3, "tokenizer_tekken", "pieces_llama3_regex", "pieces");
}

TEST(Pretokenizer, CutsTekkenAsTheReferenceRegexEngine) {
  expect_pieces(SplitPattern::kTekken, "tokenizer_tekken", "pieces", "pieces");
  expect_pieces(SplitPattern::kTekken, "tokenizer_llama3", "pieces_tekken_regex", "pieces");
}

TEST(Pretokenizer, GivesBackOneCharacterOfBothCasesToTheLowerPart) {
  EXPECT_EQ(pieces_of(SplitPattern::kTekken, "AB\u4E2DCD"), (Pieces{"AB\u4E2D", "CD"}));
  EXPECT_EQ(pieces_of(SplitPattern::kTekken, "\u4E2DAB"), (Pieces{"\u4E2D", "AB"}));
}

TEST(Pretokenizer, KnowsAPatternByItsExactTextOnly) {
  for (const auto pattern : {SplitPattern::kQwen2, SplitPattern::kQwen3_5, SplitPattern::kLlama3,
                             SplitPattern::kTekken}) {
    EXPECT_EQ(split_pattern_of(regex_of(pattern)), pattern);
    EXPECT_EQ(split_pattern_of(std::string(regex_of(pattern)) + " "), std::nullopt);
  }
  EXPECT_EQ(split_pattern_of("\\s+"), std::nullopt);
}

}  // namespace
}  // namespace polaris
