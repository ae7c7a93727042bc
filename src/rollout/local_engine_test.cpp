#include "rollout/local_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/error.h"
#include "nn/torch_learner.h"
#include "rollout/local_engine_testing.h"
#include "weights/safetensors.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

Policy load_policy(const std::string& name, std::int64_t threads = 1) {
  return Policy::load(fs::path(POLARIS_GOLDEN_DIR) / name, ComputeDtype::kFloat32,
                      {.name = "cpu", .threads = threads});
}

std::vector<TokenId> golden_tokens(const std::string& name, const std::string& tensor) {
  const SafetensorsFile file(fs::path(POLARIS_GOLDEN_DIR) / name / "golden.safetensors");
  const StoredTensor* stored = file.find(tensor);
  POLARIS_CHECK(stored != nullptr && stored->spec.dtype == Dtype::kI64, "{}", tensor);
  std::vector<std::int64_t> ids(stored->bytes.size() / sizeof(std::int64_t));
  std::memcpy(ids.data(), stored->bytes.data(), stored->bytes.size());
  return {ids.begin(), ids.end()};
}

class LocalEngineOfModel : public testing::TestWithParam<std::string> {};

TEST_P(LocalEngineOfModel, GreedyTextIsTransformersTokenForToken) {
  const auto expected = golden_tokens(GetParam(), "greedy.tokens");
  LocalRolloutEngine engine(load_policy(GetParam()), nullptr, {});
  const std::vector<Prompt> prompt = {
      {.id = "p", .tokens = golden_tokens(GetParam(), "greedy.prompt")}};
  const auto groups =
      engine.generate({.prompts = prompt,
                       .rollouts_per_prompt = 3,
                       .sampling = {.temperature = 0,
                                    .repetition_penalty = 1,
                                    .max_new_tokens = static_cast<std::int64_t>(expected.size())}},
                      kIgnore);
  for (const Rollout& rollout : groups.at(0).rollouts) EXPECT_EQ(rollout.tokens, expected);
}

INSTANTIATE_TEST_SUITE_P(Models, LocalEngineOfModel,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3",
                                         "llama3_tiny", "qwen3_tiny", "mistral_tiny"),
                         [](const auto& info) { return info.param; });

TEST_P(LocalEngineOfModel, LogProbabilitiesAreThoseOfAnUncachedPassForThreeHundredTokens) {
  const Policy policy = load_policy(GetParam());
  LocalRolloutEngine engine(policy, nullptr, {.seed = 3});
  const auto prompts = made_prompts(2);
  const auto groups =
      engine.generate({.prompts = prompts, .sampling = {.max_new_tokens = 300}}, kIgnore);
  for (const RolloutGroup& group : groups) {
    const Rollout& rollout = group.rollouts.at(0);
    ASSERT_EQ(rollout.tokens.size(), 300U);
    EXPECT_EQ(rollout.stop, StopReason::kMaxTokens);
    std::vector<TokenId> whole = group.prompt.tokens;
    whole.insert(whole.end(), rollout.tokens.begin(), rollout.tokens.end());
    const std::vector<ScoreRequest> request = {
        {.tokens = whole, .start = std::ssize(group.prompt.tokens)}};
    const auto scores = policy.score(request);
    for (std::size_t i = 0; i < 300; ++i) {
      ASSERT_NEAR(rollout.logprobs[i], scores[0].logprobs[i], 5e-4) << i;
      // At most 20 tokens are kept, so none is rarer than it was.
      ASSERT_LE(rollout.sampled_logprobs[i], 0.0F);
    }
  }
}

TEST(LocalEngine, TextDoesNotDependOnSlotsThreadsOrOrder) {
  auto prompts = made_prompts(5);
  const auto texts = [&](std::int64_t slots, std::int64_t threads) {
    LocalRolloutEngine engine(load_policy("qwen3_5_tiny", threads), nullptr, options(slots));
    std::map<std::string, std::vector<Rollout>> by_prompt;
    for (const RolloutGroup& group : engine.generate({.prompts = prompts,
                                     .rollouts_per_prompt = 3,
                                     .step = 2,
                                     .sampling = {.max_new_tokens = 40}},
                                                     kIgnore))
      by_prompt[group.prompt.id] = group.rollouts;
    return by_prompt;
  };
  const auto expected = texts(1, 1);
  const auto compare = [&](const auto& actual) {
    for (const auto& [id, rollouts] : expected) {
      for (std::size_t i = 0; i < rollouts.size(); ++i) {
        EXPECT_EQ(actual.at(id)[i].tokens, rollouts[i].tokens);
        EXPECT_EQ(actual.at(id)[i].logprobs, rollouts[i].logprobs);  // to the last bit
        EXPECT_EQ(actual.at(id)[i].sampled_logprobs, rollouts[i].sampled_logprobs);
      }
    }
  };
  std::set<std::size_t> lengths;
  for (const auto& [id, rollouts] : expected) {
    EXPECT_NE(rollouts[0].tokens, rollouts[1].tokens);
    for (const Rollout& rollout : rollouts) lengths.insert(rollout.tokens.size());
  }
  EXPECT_GT(lengths.size(), 3U);  // slots became free at different moments
  compare(texts(3, 1));
  compare(texts(8, 2));
  compare(texts(0, 2));
  std::ranges::reverse(prompts);
  compare(texts(4, 1));
}

TEST(LocalEngine, WritesWithEveryStorageAndPacksNewWeightsForANewVersion) {
  const auto prompts = made_prompts(3);
  const RolloutRequest request{.prompts = prompts, .sampling = {.max_new_tokens = 20}};
  const auto texts = [&](LocalRolloutEngine& engine) {
    std::vector<std::vector<TokenId>> texts;
    for (const RolloutGroup& group : engine.generate(request, kIgnore))
      texts.push_back(group.rollouts[0].tokens);
    return texts;
  };
  for (const RolloutDtype dtype : {RolloutDtype::kAuto, RolloutDtype::kFloat32,
                                   RolloutDtype::kBfloat16, RolloutDtype::kInt8}) {
    TorchLearnerOptions learning{.device = {.name = "cpu", .threads = 1},
                                 .objective = Objective::kLikelihood};
    learning.model.path = (fs::path(POLARIS_GOLDEN_DIR) / "qwen3_5_tiny").string();
    learning.optimizer.lr = 0.1;
    TorchLearner learner(learning);
    auto engine_options = options(2);
    engine_options.weights = weight_storage(dtype);
    LocalRolloutEngine engine(learner.policy(), nullptr, engine_options);
    const auto before = texts(engine);
    EXPECT_EQ(texts(engine), before);

    learner.accumulate(std::vector<Row>{
        {.prompt_tokens = {1, 2}, .response_tokens = {3, 4, 5}, .advantage = 1.0}});
    learner.apply(1.0 / 3);
    engine.use_policy(1);
    const auto after = texts(engine);
    EXPECT_NE(after, before);
    LocalRolloutEngine fresh(learner.policy(), nullptr, engine_options);
    EXPECT_EQ(after, texts(fresh));
  }
}

TEST(LocalEngine, HandsOverEveryRolloutOnceAndAtOnce) {
  const auto prompts = made_prompts(3);
  std::int64_t tokens = 0;
  auto engine_options = options(2);
  engine_options.on_token = [&](std::size_t, std::size_t, TokenId) { ++tokens; };
  LocalRolloutEngine engine(load_policy("llama3_tiny"), nullptr, engine_options);
  engine.use_policy(9);
  std::map<std::pair<std::size_t, std::size_t>, Rollout> handed;
  std::int64_t tokens_at_first = 0;
  const auto groups = engine.generate(
      {.prompts = prompts, .rollouts_per_prompt = 2, .sampling = {.max_new_tokens = 30}},
      [&](std::size_t prompt, std::size_t sample, const Rollout& rollout) {
        if (handed.empty()) tokens_at_first = tokens;
        EXPECT_TRUE(handed.emplace(std::pair(prompt, sample), rollout).second);
      });
  EXPECT_EQ(handed.size(), 6U);
  EXPECT_LT(tokens_at_first, tokens);
  std::int64_t written = 0;
  for (std::size_t p = 0; p < 3; ++p) {
    EXPECT_EQ(groups[p].policy_version, 9);
    EXPECT_EQ(groups[p].prompt.id, prompts[p].id);
    for (std::size_t i = 0; i < 2; ++i) {
      const Rollout& rollout = groups[p].rollouts[i];
      EXPECT_EQ(handed.at({p, i}).tokens, rollout.tokens);
      const bool has_end =
          std::ranges::count(engine_options.stop_tokens, rollout.tokens.back()) > 0;
      EXPECT_EQ(rollout.stop == StopReason::kEndOfText, has_end);
      written += std::ssize(rollout.tokens);
    }
  }
  EXPECT_EQ(written, tokens);
}

TEST(LocalEngine, IgnoresStopTokensIfToldTo) {
  auto engine_options = options(0);
  engine_options.ignore_stop_tokens = true;
  LocalRolloutEngine engine(load_policy("llama3_tiny"), nullptr, engine_options);
  const auto prompts = made_prompts(4);
  std::size_t ends = 0;
  for (const RolloutGroup& group :
       engine.generate({.prompts = prompts, .sampling = {.max_new_tokens = 60}}, kIgnore)) {
    EXPECT_EQ(group.rollouts[0].tokens.size(), 60U);
    EXPECT_EQ(group.rollouts[0].stop, StopReason::kMaxTokens);
    for (const TokenId token : group.rollouts[0].tokens)
      ends += std::ranges::count(engine_options.stop_tokens, token);
  }
  EXPECT_GT(ends, 0U);
}

TEST(LocalEngine, LeavesOutWhatIsKnown) {
  LocalRolloutEngine engine(load_policy("qwen3_5_tiny"), nullptr, options(2));
  const auto prompts = made_prompts(3);
  RolloutRequest request{
      .prompts = prompts, .rollouts_per_prompt = 2, .sampling = {.max_new_tokens = 9}};
  const auto all = engine.generate(request, kIgnore);
  request.skip = 3;
  const auto rest = engine.generate(request, kIgnore);
  EXPECT_TRUE(rest[1].rollouts[0].tokens.empty());
  EXPECT_EQ(rest[1].rollouts[1].tokens, all[1].rollouts[1].tokens);
  EXPECT_EQ(rest[2].rollouts[0].tokens, all[2].rollouts[0].tokens);
}

TEST(LocalEngine, StopsWhenItIsInterrupted) {
  auto engine_options = options(1);
  int asked = 0;
  engine_options.interrupted = [&] { return ++asked > 5; };
  LocalRolloutEngine engine(load_policy("llama3_tiny"), nullptr, engine_options);
  const auto prompts = made_prompts(30);
  try {
    engine.generate({.prompts = prompts, .sampling = {.max_new_tokens = 60}}, kIgnore);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
  }
}

TEST(LocalEngine, NamesThePromptThatTheModelCannotRead) {
  LocalRolloutEngine engine(load_policy("llama3_tiny"), nullptr, {});
  const std::vector<Prompt> prompts = {{.id = "good", .tokens = {1}},
                                       {.id = "bad", .tokens = {1, 320}}};
  try {
    engine.generate({.prompts = prompts, .sampling = {.max_new_tokens = 2}}, kIgnore);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("prompt bad"), std::string::npos) << e.what();
  }
}

TEST(LocalEngine, DecodesTextWithoutItsEndAndMasksPadding) {
  // The 2,048 tokens of the tokenizer are more than this model has: it writes what it knows.
  const Tokenizer tokenizer = Tokenizer::load(fs::path(POLARIS_GOLDEN_DIR) / "tokenizer");
  LocalRolloutEngine engine(load_policy("qwen3_5_tiny"), &tokenizer, options(0));
  const auto prompts = made_prompts(3);
  for (const RolloutGroup& group :
       engine.generate({.prompts = prompts, .sampling = {.max_new_tokens = 200}}, kIgnore)) {
    const Rollout& rollout = group.rollouts[0];
    std::vector<TokenId> tokens = rollout.tokens;
    if (rollout.stop == StopReason::kEndOfText) tokens.pop_back();
    EXPECT_EQ(rollout.text, tokenizer.decode(tokens, true));
  }
}

TEST(StopTokens, AreThoseOfModelTokenizerAndTemplate) {
  const Tokenizer tokenizer = Tokenizer::load(fs::path(POLARIS_GOLDEN_DIR) / "tokenizer");
  const TokenId turn = tokenizer.token_to_id("<|im_end|>").value();
  ModelConfig config;
  config.vocab_size = 2048;
  config.eos_token_ids = {5, 9};
  EXPECT_EQ(stop_tokens(config, nullptr, "<|im_end|>"), (std::vector<TokenId>{5, 9}));
  const auto all = stop_tokens(config, &tokenizer, "<|im_end|>");
  EXPECT_EQ(std::ranges::count(all, turn), 1);
  EXPECT_EQ(all[0], 5);
  config.vocab_size = turn;  // a model that does not have it
  EXPECT_EQ(std::ranges::count(stop_tokens(config, &tokenizer, "<|im_end|>"), turn), 0);
}

}  // namespace
}  // namespace polaris
