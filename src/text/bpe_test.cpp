#include "text/bpe.h"

#include <gtest/gtest.h>

#include <random>

namespace polaris {
namespace {

using Tokens = std::vector<TokenId>;

constexpr TokenId kLetters = 4;

/// Tokens 0..3, and merges of any two tokens there are, in random order of rank: far denser than a
/// real vocabulary, so that ties, chains and overlaps are the rule.
MergeTable random_merges(std::mt19937& random, TokenId count) {
  MergeTable merges;
  merges.reserve(static_cast<std::size_t>(count));
  for (TokenId i = 0; i < count; ++i) {
    const auto token = [&] { return static_cast<TokenId>(random() % (kLetters + i)); };
    const TokenId left = token();
    merges.add(left, token(), {.rank = static_cast<std::uint32_t>(i), .result = kLetters + i});
  }
  return merges;
}

Tokens random_word(std::mt19937& random, std::size_t length) {
  Tokens word(length);
  for (auto& token : word) token = static_cast<TokenId>(random() % kLetters);
  return word;
}

TEST(ApplyMerges, TakesTheLowestRankFirstAndOfEqualOnesTheLeftmost) {
  MergeTable merges;
  merges.reserve(2);
  merges.add(1, 1, {.rank = 1, .result = 2});
  merges.add(0, 1, {.rank = 0, .result = 3});
  Tokens tokens = {9, 1, 1, 1, 0, 1};
  apply_merges(merges, tokens, 1);
  EXPECT_EQ(tokens, (Tokens{9, 2, 1, 3}));
}

TEST(ApplyMerges, LeavesTokensBeforeTheWordAlone) {
  MergeTable merges;
  merges.reserve(1);
  merges.add(0, 0, {.rank = 0, .result = 1});
  Tokens tokens = {0, 0, 0};
  apply_merges(merges, tokens, 2);
  EXPECT_EQ(tokens, (Tokens{0, 0, 0}));
  apply_merges(merges, tokens, 3);  // the empty word
  EXPECT_EQ(tokens, (Tokens{0, 0, 0}));
}

TEST(ApplyMerges, AgreesWithTheDefinitionOnRandomWordsOfEveryLength) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const MergeTable merges = random_merges(random, 1 + static_cast<TokenId>(random() % 60));
    for (std::size_t length = 0; length < 80; ++length) {  // both sides of the scan limit
      Tokens fast = random_word(random, length);
      Tokens slow = fast;
      apply_merges(merges, fast, 0);
      apply_merges_reference(merges, slow, 0);
      ASSERT_EQ(fast, slow);
    }
  }
}

TEST(ApplyMerges, HandlesAWordOfAHundredThousandTokens) {
  MergeTable merges;
  merges.reserve(17);
  for (TokenId i = 0; i < 17; ++i)
    merges.add(i, i, {.rank = static_cast<std::uint32_t>(i), .result = i + 1});
  Tokens tokens(1 << 17, 0);
  apply_merges(merges, tokens, 0);
  EXPECT_EQ(tokens, Tokens{17});
}

TEST(MergeTable, FindsWhatWasAddedAndNothingElse) {
  MergeTable merges;
  EXPECT_EQ(merges.find(0, 0), nullptr);
  merges.reserve(1000);
  for (TokenId i = 0; i < 1000; ++i)
    merges.add(i, 2 * i, {.rank = static_cast<std::uint32_t>(i), .result = 3 * i});
  for (TokenId i = 0; i < 1000; ++i) {
    ASSERT_NE(merges.find(i, 2 * i), nullptr);
    EXPECT_EQ(merges.find(i, 2 * i)->result, 3 * i);
    EXPECT_EQ(merges.find(i, 2 * i + 1), nullptr);
  }
  merges.add(5, 10, {.rank = 2000, .result = 1});
  EXPECT_EQ(merges.find(5, 10)->rank, 2000U);
}

}  // namespace
}  // namespace polaris
