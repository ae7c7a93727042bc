#include "nn/torch_learner.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/task_pool.h"
#include "base/temp_folder.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/learner_testing.h"
#include "rl/batch.h"
#include "weights/expected_tensors.h"
#include "weights/model_folder.h"
#include "weights/random_model.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;
using nn::contents;
using nn::golden_folder;
using nn::GoldenFile;
using nn::options_for;
using nn::random_rows;
using nn::state_of;

std::vector<TokenId> ids(const at::Tensor& tensor) {
  const auto* data = tensor.const_data_ptr<std::int64_t>();
  return {data, data + tensor.numel()};
}

class GrpoStep : public testing::TestWithParam<std::string> {};

TEST_P(GrpoStep, ThreeUpdatesAreThoseOfTransformersAndTorch) {
  const fs::path folder = golden_folder("grpo_step") / GetParam();
  const GoldenFile golden(folder / "golden.safetensors");
  const Json recorded = read_json_file(folder / "steps.json");
  TorchLearnerOptions options = options_for(golden_folder(GetParam()));
  options.optimizer = {.lr = 1e-4, .eps = 1e-5};
  TorchLearner learner(options);

  for (std::size_t s = 0; s < recorded["steps"].size(); ++s) {
    const Json& step = recorded["steps"][s];
    Batch batch;
    for (std::size_t i = 0; i < step["rows"].size(); ++i) {
      const std::string name = fmt::format("step{}.row{}.", s, i);
      batch.rows.push_back({.prompt_tokens = ids(golden[name + "prompt"]),
                            .response_tokens = ids(golden[name + "response"]),
                            .advantage = step["rows"][i]["advantage"].get<double>()});
      const Row& row = batch.rows.back();
      std::vector<TokenId> sequence = row.prompt_tokens;
      sequence.insert(sequence.end(), row.response_tokens.begin(), row.response_tokens.end());
      const auto scores = learner.policy().score(std::vector{ScoreRequest{
          .tokens = sequence, .start = static_cast<std::int64_t>(row.prompt_tokens.size())}});
      const at::Tensor logprobs = golden[name + "logprobs"], entropies = golden[name + "entropy"];
      ASSERT_EQ(scores[0].logprobs.size(), row.response_tokens.size());
      for (std::size_t t = 0; t < row.response_tokens.size(); ++t) {
        const auto index = static_cast<std::int64_t>(t);
        EXPECT_NEAR(scores[0].logprobs[t], logprobs[index].item<float>(), 2e-4) << name << t;
        EXPECT_NEAR(scores[0].entropies[t], entropies[index].item<float>(), 2e-4) << name << t;
      }
    }
    normalise(batch, Normaliser::kTokenMean);
    const UpdateStats stats = learner.update(batch);
    EXPECT_FALSE(stats.skipped);
    EXPECT_EQ(stats.response_tokens, step["response_tokens"].get<std::int64_t>());
    EXPECT_NEAR(stats.loss, step["loss"].get<double>(), 1e-6);
    const double norm = step["grad_norm_before_clip"].get<double>();
    EXPECT_NEAR(stats.grad_norm, norm, 5e-4 * norm);
  }

  const TempFolder temp;
  learner.save_model(temp.path());
  const ModelFolder written(temp.path());
  for (const ModelTensor& tensor : written.tensors()) {
    const std::string name = written.names().in_file(tensor.name);
    const GoldenFile file(temp.path() / "model.safetensors");
    EXPECT_LT(nn::max_difference(file[name], golden["step2.param." + name]), 1e-5) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GrpoStep, testing::Values("qwen3_5_tiny", "llama3_tiny"),
                         [](const auto& info) { return info.param; });

class LearnerState : public testing::TestWithParam<TorchLearnerOptions> {};

TEST_P(LearnerState, ASavedLearnerGoesOnAsIfNothingHadHappened) {
  TorchLearner unbroken(GetParam());
  TorchLearner first(GetParam());
  for (unsigned step = 1; step <= 2; ++step) {
    const Batch batch{.rows = random_rows(3, step), .step_scale = 0.01};
    unbroken.update(batch);
    first.update(batch);
  }
  const TempFolder temp;
  first.save(temp.path());
  first.update({.rows = random_rows(1, 99), .step_scale = 1.0});  // does not matter
  TorchLearner second(GetParam());
  second.load(temp.path());
  EXPECT_EQ(second.policy_version(), 2);
  for (unsigned step = 3; step <= 4; ++step) {
    const Batch batch{.rows = random_rows(3, step), .step_scale = 0.01};
    unbroken.update(batch);
    second.update(batch);
  }
  EXPECT_EQ(state_of(second), state_of(unbroken));
}

TorchLearnerOptions with(const std::string& model, ComputeDtype compute, SaveDtype save,
                         MomentDtype moments) {
  TorchLearnerOptions options = options_for(golden_folder(model));
  options.model.compute_dtype = compute;
  options.model.save_dtype = save;
  options.optimizer.moments = moments;
  return options;
}

INSTANTIATE_TEST_SUITE_P(Types, LearnerState,
                         testing::Values(with("qwen3_5_tiny", ComputeDtype::kFloat32,
                                              SaveDtype::kAsLoaded, MomentDtype::kAuto),
                                         with("qwen3_5_tiny_vl", ComputeDtype::kFloat32,
                                              SaveDtype::kAsLoaded, MomentDtype::kFloat32),
                                         with("qwen3_5_tiny_vl", ComputeDtype::kBfloat16,
                                              SaveDtype::kAsLoaded, MomentDtype::kBfloat16),
                                         with("llama3_tiny", ComputeDtype::kBfloat16,
                                              SaveDtype::kFloat32, MomentDtype::kFloat32),
                                         with("qwen3_5_tiny", ComputeDtype::kBfloat16,
                                              SaveDtype::kAsLoaded, MomentDtype::kInt8),
                                         with("qwen3_5_tiny_tied", ComputeDtype::kFloat32,
                                              SaveDtype::kBfloat16, MomentDtype::kBfloat16)));

TEST(TorchLearner, AnUpdateDoesNotDependOnTheNumberOfThreads) {
  for (const ComputeDtype compute : {ComputeDtype::kFloat32, ComputeDtype::kBfloat16}) {
    TorchLearnerOptions options = options_for(golden_folder("qwen3_5_tiny"));
    options.model.compute_dtype = compute;
    TorchLearner one(options);
    one.update({.rows = random_rows(12), .step_scale = 0.01});
    options.device.threads = 2;
    TorchLearner two(options);
    two.update({.rows = random_rows(12), .step_scale = 0.01});
    EXPECT_EQ(state_of(one), state_of(two));
  }
  at::set_num_threads(1);
}

TEST(TorchLearner, NorDoesOneOfAModelOfAMillionParameters) {
  ModelConfig config = read_model_config(golden_folder("qwen3_5_tiny"));
  config.hidden_size = 128;
  config.intermediate_size = 384;
  config.vocab_size = 2048;
  config.linear_attention = {
      .key_heads = 2, .value_heads = 4, .key_head_dim = 32, .value_head_dim = 32, .conv_kernel = 4};
  const TempFolder temp;
  TaskPool pool(1);
  write_random_model({.config = config, .seed = 1, .dtype = Dtype::kF32}, temp.path() / "model",
                     pool, [](std::uint64_t) {});
  std::vector<Row> rows = random_rows(16);
  for (Row& row : rows) row.response_tokens.resize(200, 1999);
  std::vector<std::map<std::string, std::string>> states;
  for (const std::int64_t threads : {1, 2}) {
    TorchLearnerOptions options = options_for(temp.path() / "model");
    options.device.threads = threads;
    TorchLearner learner(options);
    learner.update({.rows = rows, .step_scale = 0.001});
    states.push_back(state_of(learner));
  }
  EXPECT_GT(parameter_count(config), 1'000'000);
  EXPECT_EQ(states[0], states[1]);
  at::set_num_threads(1);
}

TEST(TorchLearner, RowsMayComeInPiecesAndInAnyOrder) {
  TorchLearnerOptions options = options_for(golden_folder("qwen3_5_tiny"));
  options.optimizer.eps = 1e-5;
  std::vector<Row> rows = random_rows(9);
  TorchLearner whole(options);
  const UpdateStats expected = whole.update({.rows = rows, .step_scale = 0.01});

  std::ranges::reverse(rows);
  options.learner.microbatch_tokens = 50;
  TorchLearner pieces(options);
  pieces.accumulate(std::span(rows).first(4));
  pieces.accumulate(std::span(rows).subspan(4));
  const UpdateStats stats = pieces.apply(0.01);
  EXPECT_EQ(stats.rows, 9);
  EXPECT_NEAR(stats.loss, expected.loss, 1e-9);
  EXPECT_NEAR(stats.grad_norm, expected.grad_norm, 1e-5 * expected.grad_norm);
  EXPECT_NEAR(*stats.entropy, *expected.entropy, 1e-5);
}

TEST(TorchLearner, GroupsGiveTheSameBitsTogetherAndOneAfterTheOther) {
  const TorchLearnerOptions options = options_for(golden_folder("qwen3_5_tiny"));
  std::vector<Row> rows = random_rows(9);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].group = i / 4;
  TorchLearner together(options);
  together.update({.rows = rows, .step_scale = 0.01});
  TorchLearner apart(options);
  for (const std::size_t first : {0U, 4U, 8U})
    apart.accumulate(std::span(rows).subspan(first, std::min<std::size_t>(4, 9 - first)));
  apart.apply(0.01);
  EXPECT_EQ(state_of(apart), state_of(together));
}

TEST(TorchLearner, AGradientThatIsNotFiniteChangesNothingAndIsNamed) {
  TorchLearner learner(options_for(golden_folder("qwen3_5_tiny")));
  learner.update({.rows = random_rows(2), .step_scale = 0.01});
  const TempFolder before;
  learner.save_model(before.path());
  std::vector<Row> rows = random_rows(1, 5);
  rows[0].advantage = 1e38;
  rows[0].coefficient = 1e10;
  const UpdateStats stats = learner.update({.rows = rows, .step_scale = 1.0});
  EXPECT_TRUE(stats.skipped);
  EXPECT_FALSE(stats.nonfinite_tensors.empty());
  EXPECT_EQ(learner.policy_version(), 2);
  const TempFolder after;
  learner.save_model(after.path());
  EXPECT_EQ(contents(before.path()), contents(after.path()));
  // The next update is clean.
  EXPECT_FALSE(learner.update({.rows = random_rows(1), .step_scale = 0.01}).skipped);
}

TEST(TorchLearner, OldLogProbabilitiesMakeARatio) {
  TorchLearner learner(options_for(golden_folder("llama3_tiny")));
  std::vector<Row> rows = random_rows(1, 3);
  Row& row = rows[0];
  row.advantage = 1.0;
  std::vector<TokenId> sequence = row.prompt_tokens;
  sequence.insert(sequence.end(), row.response_tokens.begin(), row.response_tokens.end());
  const auto scores = learner.policy().score(std::vector{ScoreRequest{
      .tokens = sequence, .start = static_cast<std::int64_t>(row.prompt_tokens.size())}});
  row.old_logprobs = scores[0].logprobs;
  for (float& logprob : row.old_logprobs) logprob -= 1.0F;  // ratio e: clipped at 1.28
  row.sampler_logprobs = row.old_logprobs;
  const double tokens = static_cast<double>(row.response_tokens.size());
  const UpdateStats stats = learner.update({.rows = rows, .step_scale = 1.0 / tokens});
  EXPECT_NEAR(stats.loss, -1.28, 1e-4);
  EXPECT_EQ(stats.clip_fraction, 1.0);
  EXPECT_NEAR(*stats.approx_kl, -1.0, 1e-4);
  EXPECT_NEAR(*stats.mismatch_logprob_abs_mean, 1.0, 1e-4);
  EXPECT_EQ(stats.grad_norm, 0.0);  // every token is clipped
}

TEST(TorchLearner, LikelihoodIsTheMeanOfTheNegativeLogProbability) {
  TorchLearnerOptions options = options_for(golden_folder("qwen3_tiny"));
  options.objective = Objective::kLikelihood;
  TorchLearner learner(options);
  std::vector<Row> rows = random_rows(1, 8);
  rows[0].advantage = 1.0;
  const double scale = 1.0 / static_cast<double>(rows[0].response_tokens.size());
  const double first = learner.update({.rows = rows, .step_scale = scale}).loss;
  double last = first;
  for (int step = 0; step < 30; ++step)
    last = learner.update({.rows = rows, .step_scale = scale}).loss;
  EXPECT_GT(first, 4.0);
  EXPECT_LT(last, 0.5 * first);
}

TEST(TorchLearner, RefusesRowsThatItCannotReadBeforeAnyWork) {
  TorchLearner learner(options_for(golden_folder("llama3_tiny")));
  const auto message = [&](const std::function<void(Row&)>& damage) -> std::string {
    std::vector<Row> rows = random_rows(2);
    damage(rows[1]);
    try {
      learner.accumulate(rows);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message([](Row& row) {
              row.response_tokens = {5, 320};
            }),
            "row 1, response: token 1 is 320, but the model has ids below 320; is it the right "
            "model?");
  EXPECT_EQ(message([](Row& row) { row.prompt_tokens = {}; }),
            "row 1, prompt: there are no tokens");
  EXPECT_EQ(message([](Row& row) { row.response_tokens = {}; }),
            "row 1, response: there are no tokens");
  EXPECT_NE(message([](Row& row) {
              row.old_logprobs = {0.0F};
              row.response_tokens = {1, 2};
            }).find("row 1: 1 log-probabilities for 2 response tokens"),
            std::string::npos);
  EXPECT_TRUE(learner.apply(1.0).skipped);  // nothing had been added
}

TEST(TorchLearner, ARowBeyondTheMemoryIsRefusedBeforeAnyWork) {
  TorchLearnerOptions options = options_for(golden_folder("llama3_tiny"));
  options.learner.microbatch_tokens = 1'000'000'000;
  TorchLearner learner(options);
  std::vector<Row> rows(1);
  rows[0] = {.prompt_tokens = {1}, .response_tokens = std::vector<TokenId>(60'000'000, 2)};
  rows[0].advantage = 1.0;
  try {
    learner.accumulate(rows);
    FAIL() << "this machine has more than 200 GB of free memory";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(std::string(e.what()).find("lower data.max_response_tokens"), std::string::npos)
        << e.what();
  }
  EXPECT_TRUE(learner.apply(1.0).skipped);
}

TEST(TorchLearner, RefusesSettingsThatDoNotGoTogether) {
  TorchLearnerOptions options = options_for(golden_folder("llama3_tiny"));
  options.optimizer.master = MasterDtype::kSplit;
  EXPECT_THROW(TorchLearner{options}, Error);
  options = options_for(golden_folder("llama3_tiny"));
  options.device.name = "cuda:7";
  EXPECT_THROW(TorchLearner{options}, Error);
}

TEST(TorchLearner, AStateOfAnotherModelOrADamagedOneIsRefused) {
  const TempFolder temp;
  TorchLearner(options_for(golden_folder("llama3_tiny"))).save(temp.path());
  TorchLearner other(options_for(golden_folder("qwen3_tiny")));
  EXPECT_THROW(other.load(temp.path()), Error);

  TorchLearnerOptions options = options_for(golden_folder("llama3_tiny"));
  options.optimizer.moments = MomentDtype::kBfloat16;
  TorchLearner narrower(options);
  try {
    narrower.load(temp.path());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("optimizer.safetensors: tensor m.embed_tokens.weight"),
              std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace polaris
