// The draw of nn/cuda/ against the Sampler that it stands for, in the form that a CPU runs; the
// GPU's form is compared with this one in nn/.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nn/cuda/decode_draw_blocks.h"
#include "rollout/sampler.h"
#include "rollout/token_writer.h"

namespace polaris {
namespace {

/// One sequence that DrawToken writes, beside the Sampler's.
class Drawer {
 public:
  static constexpr std::int32_t kRing = 3;

  Drawer(const SamplingConfig& config, const SamplerVocabulary& vocabulary, std::int64_t width,
         const StreamId& stream, std::span<const TokenId> prompt)
      : stops_(vocabulary.stop_tokens.begin(), vocabulary.stop_tokens.end()),
        seen_(static_cast<std::size_t>((width + 31) / 32), 0),
        counts_(static_cast<std::size_t>(width), 0),
        records_(kRing) {
    for (const TokenId token : prompt) seen_[token / 32] |= 1U << (token % 32);
    state_ = {
        .status = cuda::SlotStatus::kWriting,
        .seed = {static_cast<std::uint32_t>(stream.seed),
                 static_cast<std::uint32_t>(stream.seed >> 32)},
        .prompt_hash = stream.prompt_hash,
        .step = stream.step,
        .sample_and_purpose = stream.sample << 8 | static_cast<std::uint32_t>(stream.purpose)};
    kernel_ = {.rules = {.temperature = config.temperature,
                         .top_p = config.top_p,
                         .min_p = config.min_p,
                         .top_k = static_cast<std::int32_t>(config.top_k),
                         .repetition_penalty = static_cast<float>(config.repetition_penalty),
                         .presence_penalty = config.presence_penalty,
                         .frequency_penalty = config.frequency_penalty,
                         .min_new_tokens = static_cast<std::int32_t>(config.min_new_tokens),
                         .max_new_tokens = static_cast<std::int32_t>(config.max_new_tokens),
                         .width = static_cast<std::int32_t>(width),
                         .vocabulary = static_cast<std::int32_t>(vocabulary.size),
                         .stop_tokens = stops_.data(),
                         .stop_count = static_cast<std::int32_t>(stops_.size()),
                         .stops_end = true},
               .logits = nullptr,
               .slots = &slot_,
               .states = &state_,
               .seen = seen_.data(),
               .counts = nullptr,
               .records = records_.data(),
               .ring = kRing};
    if (kernel_.rules.counts_output()) kernel_.counts = counts_.data();
  }

  cuda::TokenRecord draw(const std::vector<float>& logits) {
    kernel_.logits = logits.data();
    kernel_(cuda::HostBlock<cuda::DrawToken::kLanes>(), 0);
    return records_[(state_.drawn + kRing - 1) % kRing];
  }

  const cuda::SlotState& state() const { return state_; }

 private:
  std::vector<std::int32_t> stops_;
  std::vector<std::uint32_t> seen_;
  std::vector<std::int32_t> counts_;
  std::vector<cuda::TokenRecord> records_;
  std::int32_t slot_ = 0;
  cuda::SlotState state_;
  cuda::DrawToken kernel_;
};

std::vector<float> random_logits(std::int64_t count, double spread, RandomStream& random) {
  std::vector<float> logits;
  // To a sixteenth, so that there are ties.
  for (std::int64_t i = 0; i < count; ++i)
    logits.push_back(static_cast<float>(std::round(16 * spread * random.normal()) / 16));
  return logits;
}

/// Whether both draw the same tokens with the same log-probabilities. @return rows compared
int compare(const SamplingConfig& config, std::int64_t width, double spread, int rows,
            std::uint64_t seed) {
  RandomStream random({.seed = seed});
  const SamplerVocabulary vocabulary{.size = width - width / 20, .stop_tokens = {1, 5}};
  std::vector<TokenId> prompt;
  for (std::int64_t i = 0; i < width / 4; ++i)
    prompt.push_back(static_cast<TokenId>(random.below(static_cast<std::uint32_t>(width))));
  const StreamId stream{.seed = seed << 33 | 7, .prompt_hash = 3, .step = 2, .sample = 9};
  Sampler sampler(config, vocabulary, stream, prompt);
  Drawer drawer(config, vocabulary, width, stream, prompt);
  SamplerScratch scratch;
  for (int row = 0; row < rows; ++row) {
    std::vector<float> logits = random_logits(width, spread, random);
    const DrawnToken expected = sampler.draw(logits, scratch);
    const cuda::TokenRecord drawn = drawer.draw(logits);
    EXPECT_EQ(drawn.token, expected.token) << "row " << row << " of seed " << seed;
    EXPECT_NEAR(drawn.logprob, expected.logprob, 1e-6 * std::max(1.0F, -expected.logprob));
    EXPECT_NEAR(drawn.sampled_logprob, expected.sampled_logprob,
                1e-6 * std::max(1.0F, -expected.sampled_logprob));
    if (testing::Test::HasFailure()) return 0;
    EXPECT_EQ(drawer.state().drawn, row + 1);
    if (drawer.state().status != cuda::SlotStatus::kWriting) return row + 1;
  }
  return rows;
}

TEST(DrawToken, DrawsWhatTheSamplerDrawsWithEveryFilter) {
  int rows = 0;
  std::uint64_t seed = 0;
  for (const std::int64_t width : {9, 300, 3000}) {
    for (const std::int64_t top_k : {0, 1, 20, 200, 2500}) {
      for (const double top_p : {1.0, 0.95, 0.4}) {
        for (const double min_p : {0.0, 0.05}) {
          for (const double temperature : {0.0, 0.6, 1.0, 1.7}) {
            // A flat row has its nucleus beyond the tokens that are sorted.
            for (const double spread : {0.1, 3.0})
              rows += compare({.temperature = temperature,
                               .top_p = top_p,
                               .top_k = top_k,
                               .min_p = min_p,
                               .repetition_penalty = 1.1,
                               .min_new_tokens = 2},
                              width, spread, width == 3000 ? 2 : 8, ++seed);
            if (HasFailure()) FAIL() << width << " " << top_k << " " << top_p << " " << min_p;
          }
        }
      }
    }
  }
  EXPECT_GT(rows, 3000);
}

TEST(DrawToken, PenalisesTheOutputByPresenceAndFrequency) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed)
    compare({.top_p = 0.9,
             .top_k = 20,
             .repetition_penalty = 1,
             .presence_penalty = 0.7,
             .frequency_penalty = 0.3},
            60, 1.0, 40, seed);
}

TEST(DrawToken, DrawsFromAVocabularyOfTheRealSize) {
  for (const std::int64_t top_k : {0, 20})
    EXPECT_EQ(compare({.temperature = 0.8, .top_p = 0.95, .top_k = top_k}, 248'320, 3.0, 3, 5), 3);
}

TEST(DrawToken, EndsASequenceByItsLastTokenOrItsLength) {
  const SamplerVocabulary vocabulary{.size = 8, .stop_tokens = {2}};
  const SamplingConfig config{.temperature = 0, .max_new_tokens = 3, .min_new_tokens = 1};
  std::vector<float> logits = {1.0F, -0.5F, 2.0F, 0.0F, 0.3F, -2.0F, 1.5F, 0.9F};
  Drawer ends(config, vocabulary, 8, {}, {});
  EXPECT_EQ(ends.draw(logits).token, 6);  // 2 may not come first
  EXPECT_EQ(ends.state().status, cuda::SlotStatus::kWriting);
  EXPECT_EQ(ends.draw(logits).token, 2);
  EXPECT_EQ(ends.state().status, cuda::SlotStatus::kEnded);
  ends.draw(logits);
  EXPECT_EQ(ends.state().drawn, 2) << "an ended sequence gets no token";
  logits[2] = -9.0F;
  Drawer fills(config, vocabulary, 8, {}, {});
  for (int i = 0; i < 5; ++i) fills.draw(logits);
  EXPECT_EQ(fills.state().status, cuda::SlotStatus::kFull);
  EXPECT_EQ(fills.state().drawn, 3);
}

TEST(DrawToken, RefusesWhatIsNoNumber) {
  const SamplerVocabulary vocabulary{.size = 90, .stop_tokens = {}};
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), infinity}) {
    for (const std::size_t place : {0, 40, 99}) {
      std::vector<float> logits(100, 0.5F);
      logits[place] = bad;
      Drawer drawer({}, vocabulary, 100, {}, {});
      drawer.draw(logits);
      EXPECT_EQ(drawer.state().status, cuda::SlotStatus::kDamaged) << bad << " at " << place;
    }
  }
  Drawer drawer({}, vocabulary, 100, {}, {});
  drawer.draw(std::vector<float>(100, -infinity));
  EXPECT_EQ(drawer.state().status, cuda::SlotStatus::kDamaged);
}

}  // namespace
}  // namespace polaris
