// Training of adapters: what a learner saves of them, and what it leaves alone.

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/temp_folder.h"
#include "nn/decode_session.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/learner_testing.h"
#include "nn/torch_learner.h"
#include "weights/checkpoint_testing.h"
#include "weights/lora_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;
using nn::contents;
using nn::golden_folder;
using nn::state_of;

TorchLearnerOptions adapters_on(const fs::path& model) {
  return {.model = {.path = model.string(), .lora = {.enabled = true, .rank = 4, .alpha = 8}},
          .optimizer = {.lr = 1e-2},
          .device = {.name = "cpu", .threads = 1},
          .objective = Objective::kLikelihood,
          .seed = 3};
}

std::vector<Row> story_rows(std::size_t count, unsigned seed = 1) {
  std::vector<Row> rows = nn::random_rows(count, seed);
  for (Row& row : rows) row.advantage = 1.0;
  return rows;
}

std::vector<float> logprobs_of(const Policy& policy) {
  const std::vector<TokenId> tokens = {1, 50, 100, 150, 200, 250, 300, 3, 9, 27, 81};
  return policy.score(std::vector{ScoreRequest{.tokens = tokens}})[0].logprobs;
}

class LoraLearner : public testing::TestWithParam<std::string> {
 protected:
  TorchLearnerOptions options = adapters_on(golden_folder(GetParam()));
};

TEST_P(LoraLearner, LearnsInItsAdaptersAloneAndGoesOnBitForBit) {
  TorchLearner learner(options);
  const auto before = logprobs_of(learner.policy());
  {
    const Policy base = Policy::load(options.model.path, ComputeDtype::kFloat32, options.device);
    EXPECT_EQ(before, logprobs_of(base));  // B is zero
  }
  const auto rows = story_rows(3);
  double first = 0.0, last = 0.0;
  for (int step = 0; step < 6; ++step) {
    const UpdateStats stats = learner.update({.rows = rows, .step_scale = 0.01});
    EXPECT_FALSE(stats.skipped);
    (step == 0 ? first : last) = stats.loss;
  }
  EXPECT_LT(last, first);
  EXPECT_NE(logprobs_of(learner.policy()), before);

  const TempFolder temp;
  learner.save(temp.path());
  const auto files = contents(temp.path());
  std::vector<std::string> names;
  for (const auto& [name, bytes] : files) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"adapter/adapter_config.json",
                                             "adapter/adapter_model.safetensors", "learner.json",
                                             "optimizer.safetensors"}));
  for (const LooseTensor& tensor : load_tensors(temp / "optimizer.safetensors"))
    EXPECT_NE(tensor.spec.name.find(".lora_"), std::string::npos) << tensor.spec.name;

  TorchLearner second(options);
  second.load(temp.path());
  EXPECT_EQ(second.policy_version(), 6);
  EXPECT_EQ(state_of(second), files);
  learner.update({.rows = story_rows(2, 5), .step_scale = 0.01});
  second.update({.rows = story_rows(2, 5), .step_scale = 0.01});
  EXPECT_EQ(state_of(second), state_of(learner));
}

TEST_P(LoraLearner, WhatItWritesIsReadToWriteWithAndToGoOn) {
  TorchLearner learner(options);
  for (unsigned step = 0; step < 3; ++step)
    learner.update({.rows = story_rows(3, step), .step_scale = 0.01});
  const TempFolder temp;
  learner.save_weights(temp.path());
  const Policy read = Policy::load(options.model.path, ComputeDtype::kFloat32, options.device,
                                   temp.path().string());
  EXPECT_EQ(logprobs_of(read), logprobs_of(learner.policy()));

  TorchLearnerOptions more = options;
  more.model.lora = {.enabled = true, .adapter = temp.path().string()};
  EXPECT_EQ(logprobs_of(TorchLearner(more).policy()), logprobs_of(learner.policy()));
  more.model.lora.enabled = false;
  EXPECT_NE(error_of([&] { TorchLearner{more}; }).find("model.lora.enabled = true"),
            std::string::npos);
}

// Sampler and trainer are one policy, to float32's rounding.
TEST_P(LoraLearner, WritesWithTheAdaptersThatItTrains) {
  TorchLearner learner(options);
  for (unsigned step = 0; step < 3; ++step)
    learner.update({.rows = story_rows(3, step), .step_scale = 0.01});
  const Policy policy = learner.policy();
  DecodeSession session(DecodeWeights(policy), 1, 64);
  const std::vector<TokenId> prompt = {1, 50, 100};
  const std::vector<TokenId> response = {150, 200, 250, 300, 3, 9, 27, 81, 243};
  std::vector<float> written;
  const auto keep = [&](auto logits, TokenId token) {
    double sum = 0.0;
    for (const float logit : logits) sum += std::exp(double{logit});
    written.push_back(static_cast<float>(logits[static_cast<std::size_t>(token)] - std::log(sum)));
  };
  keep(session.begin(0, prompt), response[0]);
  for (std::size_t i = 0; i + 1 < response.size(); ++i)
    keep(session.step(std::vector<std::int64_t>{0}, std::span(response).subspan(i, 1)),
         response[i + 1]);
  std::vector<TokenId> all = prompt;
  all.insert(all.end(), response.begin(), response.end());
  const auto scored = policy.score(std::vector{ScoreRequest{.tokens = all, .start = 3}})[0];
  ASSERT_EQ(scored.logprobs.size(), written.size());
  for (std::size_t i = 0; i < written.size(); ++i)
    EXPECT_NEAR(written[i], scored.logprobs[i], 1e-4) << i;
}

TEST_P(LoraLearner, ThreadsDoNotChangeABit) {
  std::vector<std::map<std::string, std::string>> states;
  for (const int threads : {1, 2}) {
    options.device.threads = threads;
    TorchLearner learner(options);
    for (unsigned step = 0; step < 2; ++step)
      learner.update({.rows = story_rows(4, step), .step_scale = 0.01});
    states.push_back(state_of(learner));
  }
  EXPECT_EQ(states[0], states[1]);
}

TEST_P(LoraLearner, InBfloat16TheMastersAreExactAndGoOnBitForBit) {
  options.model.compute_dtype = ComputeDtype::kBfloat16;
  options.optimizer.lr = 1e-6;  // below a step of bfloat16
  TorchLearner learner(options);
  const auto start = state_of(learner);
  const Batch batch{.rows = story_rows(3), .step_scale = 0.01};
  learner.update(batch);
  learner.update(batch);
  const TempFolder temp;
  learner.save(temp.path());
  EXPECT_NE(contents(temp.path()).at("adapter/adapter_model.safetensors"),
            start.at("adapter/adapter_model.safetensors"));
  TorchLearner second(options);
  second.load(temp.path());
  learner.update(batch);
  second.update(batch);
  EXPECT_EQ(state_of(second), state_of(learner));
}

INSTANTIATE_TEST_SUITE_P(Models, LoraLearner,
                         testing::Values("qwen3_5_tiny", "llama3_tiny", "qwen3_tiny",
                                         "mistral_tiny"),
                         [](const auto& info) { return info.param; });

TEST(LoraCheckpoint, OfAnotherBaseOrAnotherShapeIsRefused) {
  const TempFolder temp;
  copy_golden_model("llama3_tiny", temp / "base");
  TorchLearnerOptions options = adapters_on(temp / "base");
  const TempFolder saved;
  TorchLearner(options).save(saved.path());

  const auto refusal = [&] { return error_of([&] { TorchLearner(options).load(saved.path()); }); };
  EXPECT_EQ(refusal(), "no error");
  options.model.lora.alpha = 16;
  EXPECT_NE(refusal().find("another rank, alpha or targets"), std::string::npos) << refusal();
  options.model.lora.alpha = 8;
  options.model.lora.targets = {"q_proj"};
  EXPECT_NE(refusal().find("another rank, alpha or targets"), std::string::npos) << refusal();
  options.model.lora.targets = {"all-linear"};
  edit_tensors(temp / "base/model.safetensors",
               [](auto& tensors) { tensors.back().bytes.front() ^= std::byte{1}; });
  EXPECT_NE(refusal().find("trained on other weights"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace polaris
