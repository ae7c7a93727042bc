#include "text/repeats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "text/golden_text_test.h"

namespace polaris {
namespace {

TEST(RepeatTokens, FollowTheRecipesExample) {
  const auto tokens = repeat_tokens("“Don’t—go!” she_said 3.5 é😀");
  EXPECT_EQ(tokens.ids.size(), 14U);
  const std::vector<std::uint32_t> begins = {0, 1, 4, 5, 6, 7, 9, 10, 12, 21, 22, 23, 25, 26};
  ASSERT_EQ(tokens.spans.size(), begins.size());
  for (std::size_t i = 0; i < begins.size(); ++i) EXPECT_EQ(tokens.spans[i].begin, begins[i]);
  EXPECT_EQ(tokens.spans[8].end, 20U);  // she_said
  EXPECT_EQ(tokens.spans[13].end, 27U);
}

TEST(RepeatTokens, AreEqualInLowerCaseAsPythonHasIt) {
  const auto ids = [](const char* text) { return repeat_tokens(text).ids; };
  EXPECT_EQ(ids("The THE the"), (std::vector<std::uint32_t>{0, 0, 0}));
  EXPECT_EQ(ids("ΣΊΣΥΦΟΣ σίσυφος σίσυφοσ Σ σ ς"), (std::vector<std::uint32_t>{0, 0, 1, 2, 2, 3}));
  EXPECT_EQ(ids("ẞ ß SS ss ﬁ FI"), (std::vector<std::uint32_t>{0, 0, 1, 1, 2, 3}));
  EXPECT_EQ(ids("cafe\xCC\x81"), (std::vector<std::uint32_t>{0, 1}));
}

TEST(GramIds, AreEqualForEqualGramsOnly) {
  const std::vector<std::uint32_t> tokens = {0, 1, 0, 1, 0, 2};
  EXPECT_EQ(gram_ids(tokens, 2), (std::vector<std::uint32_t>{0, 1, 0, 1, 2}));
  EXPECT_EQ(gram_ids(tokens, 1), tokens);
  EXPECT_EQ(gram_ids(tokens, 6).size(), 1U);
  EXPECT_TRUE(gram_ids(tokens, 7).empty());
  EXPECT_TRUE(gram_ids(tokens, 0).empty());
  EXPECT_TRUE(gram_ids(tokens, -1).empty());
}

TEST(TextLines, EndAtEveryUnicodeLineBreakAndSkipBlankLines) {
  const auto lines = text_lines(
      "a\r\nb\rc\n\n \x0B"
      "d\x0C"
      "e\x1C"
      "f\xC2\x85g\xE2\x80\xA8 a \xE2\x80\xA9");
  std::vector<std::uint32_t> ids;
  for (const TextLine& line : lines) ids.push_back(line.id);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 0}));
  EXPECT_EQ(lines[0].span.begin, 0U);
  EXPECT_EQ(lines[0].span.end, 3U);
  EXPECT_EQ(lines[1].span.begin, 3U);
}

// The score itself belongs to reward/; here it shows that its parts are right.
struct Score {
  double ngram = 0;
  double local = 0;
  double lines = 0;
  double total = 0;
};

struct ScoreConfig {
  int n = 4;
  int window = 64;
  double hinge = 0.08;
  double lines_weight = 0.4;
  double grams_weight = 0.8;
  double cap = 1.5;
};

Score score(const std::string& text, const ScoreConfig& config) {
  const auto grams = repeat_stats(gram_ids(repeat_tokens(text).ids, config.n), config.window);
  std::vector<std::uint32_t> line_ids;
  for (const TextLine& line : text_lines(text)) line_ids.push_back(line.id);
  Score out;
  out.ngram = config.grams_weight * 0.7 * std::max(0.0, grams.repeated_ratio() - config.hinge);
  out.local = config.grams_weight * 0.3 * grams.local_ratio();
  out.lines = config.lines_weight * repeat_stats(line_ids, 0).repeated_ratio();
  out.total = std::min(config.cap, out.ngram + out.local + out.lines);
  return out;
}

TEST(RepeatParts, GiveTheScoresOfTheRecipesTable) {
  const auto total = [](const std::string& text) { return score(text, {}).total; };
  const auto times = [](const std::string& text, int n) {
    std::string out;
    while (n-- > 0) out += text;
    return out;
  };
  EXPECT_EQ(total("a b c d e f g h"), 0);
  EXPECT_NEAR(total("the cat sat on the mat the cat sat on the mat"), 0.221867, 1e-6);
  EXPECT_NEAR(total("the cat sat on the mat\nthe cat sat on the mat"), 0.421867, 1e-6);
  EXPECT_NEAR(total("he ran. he ran. he ran."), 0.355200, 1e-6);
  EXPECT_NEAR(total(times("ha ", 50)), 0.738179, 1e-6);
  EXPECT_NEAR(total(times("ha ha ha ha\n", 50)), 1.143139, 1e-6);
  for (const int distance : {63, 64}) {
    std::string text = "alpha beta gamma delta";
    for (int i = 0; i < distance - 4; ++i) text += " w" + std::to_string(i);
    EXPECT_NEAR(total(text + " alpha beta gamma delta"), distance == 63 ? 0.003750 : 0.0, 1e-6);
  }
}

TEST(RepeatParts, GiveTheReferencesBudgetsAndSpans) {
  int compared = 0;
  for (const OrderedJson& c : golden_reward_cases("self_repeat")) {
    const OrderedJson& settings = c["input"]["config"];
    if (settings.empty()) continue;  // the reference's own defaults, which no preset uses
    SCOPED_TRACE(c["name"].get<std::string>());
    const ScoreConfig config{settings["rep_n_local"],     settings["rep_local_window"],
                             settings["rep_ngram_hinge"], settings["rep_w_lines"],
                             settings["rep_w_ngram"],     settings["rep_cap"]};
    const std::string text = golden_reward_text(c["input"]["output"]);
    const OrderedJson& expected = c["expected"];
    const Score actual = score(text, config);
    EXPECT_NEAR(actual.total, expected["self_rep"].get<double>(), 1e-9);
    EXPECT_NEAR(actual.ngram, expected["ngram_budget"].get<double>(), 1e-9);
    EXPECT_NEAR(actual.local, expected["local_budget"].get<double>(), 1e-9);
    EXPECT_NEAR(actual.lines, expected["line_budget"].get<double>(), 1e-9);

    // Spans of the grams that repeat an earlier one, in the reference ordered by gram.
    const auto tokens = repeat_tokens(text);
    const auto grams = gram_ids(tokens.ids, config.n);
    EXPECT_EQ(repeat_stats(grams, config.window).repeated, expected["n_ngram_spans"]);
    EXPECT_EQ(repeat_stats(grams, config.window).local, expected["n_local_spans"]);
    if (expected.contains("ngram_spans")) {
      std::vector<std::size_t> order;
      std::vector<bool> seen;
      for (std::size_t i = 0; i < grams.size(); ++i) {
        if (grams[i] < seen.size()) order.push_back(i);
        seen.resize(std::max<std::size_t>(seen.size(), grams[i] + 1), true);
      }
      std::stable_sort(order.begin(), order.end(),
                       [&](std::size_t a, std::size_t b) { return grams[a] < grams[b]; });
      const OrderedJson& spans = expected["ngram_spans"];
      ASSERT_LE(spans.size(), order.size());
      for (std::size_t i = 0; i < spans.size(); ++i) {
        EXPECT_EQ(tokens.spans[order[i]].begin, spans[i][0]);
        EXPECT_EQ(tokens.spans[order[i] + static_cast<std::size_t>(config.n) - 1].end, spans[i][1]);
      }
    }
    std::vector<bool> seen_line;
    std::vector<TextLine> repeated_lines;
    for (const TextLine& line : text_lines(text)) {
      if (line.id < seen_line.size()) repeated_lines.push_back(line);
      seen_line.resize(std::max<std::size_t>(seen_line.size(), line.id + 1), true);
    }
    EXPECT_EQ(repeated_lines.size(), expected["n_line_spans"]);
    std::stable_sort(repeated_lines.begin(), repeated_lines.end(),
                     [](const TextLine& a, const TextLine& b) { return a.id < b.id; });
    if (expected.contains("lines_spans")) {
      const OrderedJson& spans = expected["lines_spans"];
      ASSERT_LE(spans.size(), repeated_lines.size());
      for (std::size_t i = 0; i < spans.size(); ++i) {
        EXPECT_EQ(repeated_lines[i].span.begin, spans[i][0]);
        EXPECT_EQ(repeated_lines[i].span.end, spans[i][1]);
      }
    }
    ++compared;
  }
  EXPECT_GE(compared, 60);
}

TEST(RepeatParts, TakeAnyBytesAndAgreeWithASlowCount) {
  std::mt19937 random(21);
  const std::vector<std::string> pieces = {"a",    "B",    " ",  "\xC3\x89", "\xCC\x81", "\xC2",
                                           "\xFF", "\xE2", "\n", "\xCE\xA3", "\xC4\xB0", "."};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto n = random() % 120; n > 0; --n) text += pieces[random() % pieces.size()];
    const auto tokens = repeat_tokens(text);
    ASSERT_EQ(tokens.ids.size(), tokens.spans.size());
    std::uint32_t at = 0;
    for (const CharacterRange span : tokens.spans) {
      ASSERT_LE(at, span.begin);
      ASSERT_LT(span.begin, span.end);
      at = span.end;
    }
    const auto grams = gram_ids(tokens.ids, 3);
    const auto stats = repeat_stats(grams, 8);
    std::int64_t repeated = 0;
    std::int64_t local = 0;
    for (std::size_t i = 0; i < grams.size(); ++i) {
      bool seen = false;
      bool near = false;
      for (std::size_t j = 0; j < i; ++j) {
        const bool same = std::equal(&tokens.ids[i], &tokens.ids[i] + 3, &tokens.ids[j]);
        ASSERT_EQ(same, grams[i] == grams[j]);
        seen = seen || same;
        near = near || (same && i - j <= 7);
      }
      repeated += seen ? 1 : 0;
      local += near ? 1 : 0;
    }
    ASSERT_EQ(stats.repeated, repeated);
    ASSERT_EQ(stats.local, local);
    text_lines(text);
  }
}

}  // namespace
}  // namespace polaris
