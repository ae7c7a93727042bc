// A LocalRolloutEngine that draws tokens where the model is, against one that draws them on the
// host of the CPU: on the CPU, and on a GPU where there is one.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/error.h"
#include "rollout/local_engine_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// Tokens, reasons and log-probabilities of all rollouts.
void expect_same_rollouts(const std::vector<RolloutGroup>& actual,
                          const std::vector<RolloutGroup>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t p = 0; p < expected.size(); ++p) {
    for (std::size_t i = 0; i < expected[p].rollouts.size(); ++i) {
      const Rollout& a = actual[p].rollouts[i];
      const Rollout& b = expected[p].rollouts[i];
      ASSERT_EQ(a.tokens, b.tokens) << p << " " << i;
      EXPECT_EQ(a.stop, b.stop);
      EXPECT_EQ(a.text, b.text);
      ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
      for (std::size_t t = 0; t < b.logprobs.size(); ++t) {
        ASSERT_NEAR(a.logprobs[t], b.logprobs[t], 2e-4) << p << " " << i << " " << t;
        ASSERT_NEAR(a.sampled_logprobs[t], b.sampled_logprobs[t], 2e-4);
      }
    }
  }
}

class DrawsOnTheDevice : public testing::TestWithParam<std::string> {
 protected:
  Policy load(const fs::path& folder, const std::string& device) const {
    return Policy::load(folder, ComputeDtype::kFloat32, {.name = device, .threads = 1});
  }
  void SetUp() override {
    try {
      load(fs::path(POLARIS_GOLDEN_DIR) / "llama3_tiny", GetParam());
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalidConfig) throw;
      GTEST_SKIP() << e.what();
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, DrawsOnTheDevice, testing::Values("cpu", "cuda"),
                         [](const auto& info) { return info.param; });

TEST_P(DrawsOnTheDevice, TextsAreThoseOfTheHostForEveryArchitecture) {
  const auto prompts = made_prompts(4);
  for (const char* name : {"qwen3_5_tiny", "qwen3_5_tiny_gva3", "llama3_tiny", "mistral_tiny"}) {
    const fs::path folder = fs::path(POLARIS_GOLDEN_DIR) / name;
    for (const double temperature : {0.0, 1.0}) {
      const RolloutRequest request{
          .prompts = prompts,
          .rollouts_per_prompt = 3,
          .step = 2,
          .sampling = {.temperature = temperature, .max_new_tokens = 40, .min_new_tokens = 2}};
      auto engine_options = options(5);
      LocalRolloutEngine host(load(folder, "cpu"), nullptr, engine_options);
      engine_options.draws_on_device = true;
      LocalRolloutEngine device(load(folder, GetParam()), nullptr, engine_options);
      expect_same_rollouts(device.generate(request, kIgnore), host.generate(request, kIgnore));
    }
  }
}

TEST_P(DrawsOnTheDevice, StoriesOfTheShippedModelAreThoseOfTheHost) {
  const fs::path folder = fs::path(POLARIS_SOURCE_DIR) / "assets/tiny";
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::vector<Prompt> prompts;
  for (const char* text : {"Write a story about a lighthouse.", "A fox, a river, and the rain."})
    prompts.push_back({.id = text, .tokens = tokenizer.encode_plain(text)});
  for (const SamplingConfig& sampling :
       {SamplingConfig{.temperature = 0, .repetition_penalty = 1, .max_new_tokens = 60},
        SamplingConfig{.max_new_tokens = 60},  // the recipe
        SamplingConfig{.temperature = 0.8, .top_k = 0, .max_new_tokens = 60},
        SamplingConfig{.top_p = 1,
        .top_k = 0,
        .min_p = 0.02,
        .repetition_penalty = 1,
        .presence_penalty = 0.3,
        .frequency_penalty = 0.1,
        .max_new_tokens = 60}}) {
    const Policy cpu = load(folder, "cpu");
    LocalRolloutEngine::Options engine_options{
        .seed = 5, .slots = 3, .stop_tokens = stop_tokens(cpu.config(), &tokenizer, "<|im_end|>")};
    const RolloutRequest request{
        .prompts = prompts, .rollouts_per_prompt = 2, .sampling = sampling};
    LocalRolloutEngine host(cpu, &tokenizer, engine_options);
    engine_options.draws_on_device = true;
    LocalRolloutEngine device(load(folder, GetParam()), &tokenizer, engine_options);
    expect_same_rollouts(device.generate(request, kIgnore), host.generate(request, kIgnore));
  }
}

TEST_P(DrawsOnTheDevice, TokensAreHandedOverOnceInOrderAndUntilItIsInterrupted) {
  const auto prompts = made_prompts(3);
  auto engine_options = options(2);
  engine_options.draws_on_device = true;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<TokenId>> heard;
  int asked = 0, most_asked = 1000;
  engine_options.on_token = [&](std::size_t prompt, std::size_t sample, TokenId token) {
    heard[{prompt, sample}].push_back(token);
  };
  engine_options.interrupted = [&] { return ++asked > most_asked; };
  LocalRolloutEngine engine(load(fs::path(POLARIS_GOLDEN_DIR) / "qwen3_5_tiny", GetParam()),
                            nullptr, engine_options);
  const RolloutRequest request{
      .prompts = prompts, .rollouts_per_prompt = 2, .sampling = {.max_new_tokens = 30}};
  std::size_t handed = 0;
  const auto groups =
      engine.generate(request, [&](std::size_t prompt, std::size_t sample, const Rollout& rollout) {
        EXPECT_EQ((heard[{prompt, sample}]), rollout.tokens);
        ++handed;
      });
  EXPECT_EQ(handed, 6U);
  most_asked = asked + 2;
  EXPECT_THROW(engine.generate(request, kIgnore), Error);
}

TEST_P(DrawsOnTheDevice, WhatItCannotDoIsDoneByTheHost) {
  const auto prompts = made_prompts(2);
  const RolloutRequest request{
      .prompts = prompts,
      .sampling = {.repetition_penalty = 1, .dry_multiplier = 0.8, .max_new_tokens = 40}};
  auto engine_options = options(2);
  const fs::path folder = fs::path(POLARIS_GOLDEN_DIR) / "qwen3_5_tiny";
  LocalRolloutEngine host(load(folder, "cpu"), nullptr, engine_options);
  engine_options.draws_on_device = true;
  LocalRolloutEngine device(load(folder, GetParam()), nullptr, engine_options);
  expect_same_rollouts(device.generate(request, kIgnore), host.generate(request, kIgnore));
}

}  // namespace
}  // namespace polaris
