#include "rollout/remote_engine_testing.h"

namespace polaris {
namespace {

using VllmEngine = RemoteEngineTest<FakeVllm>;

TEST_F(VllmEngine, WritesEveryStoryFromItsTokensAndSeed) {
  const auto engine = make_engine();
  const auto groups = write(*engine);
  ASSERT_EQ(groups.size(), 2U);
  ASSERT_EQ(fake.stories.size(), 4U);
  EXPECT_EQ(arrived.size(), 4U);
  std::map<Json, std::vector<TokenId>> by_seed;  // prompts and seeds as they were sent
  for (const Json& body : fake.stories)
    by_seed[body.at("seed")] = story_tokens(body.at("seed").get<std::uint32_t>());
  EXPECT_EQ(by_seed.size(), 4U);
  for (const RolloutGroup& group : groups) {
    for (const Rollout& rollout : group.rollouts) {
      EXPECT_EQ(rollout.tokens.back(), kEnd);
      EXPECT_EQ(rollout.stop, StopReason::kEndOfText);
      EXPECT_EQ(rollout.logprobs, story_logprobs(rollout.tokens.size()));
      EXPECT_TRUE(rollout.sampled_logprobs.empty());
    }
  }
  const auto again = write(*engine);
  EXPECT_EQ(again[1].rollouts[1].tokens, groups[1].rollouts[1].tokens);
}

TEST_F(VllmEngine, SendsTheSamplingInVllmsWords) {
  sampling = {.temperature = 0.8,
              .top_p = 0.9,
              .top_k = 20,
              .min_p = 0.05,
              .repetition_penalty = 1.1,
              .max_new_tokens = 64,
              .min_new_tokens = 1};
  prompts.pop_back();
  const auto groups = write(*make_engine(), 1);
  Json body = fake.stories.at(0);
  body.erase("seed");
  EXPECT_EQ(body, (Json{{"model", "base"},
                        {"prompt", {5, 6}},
                        {"max_tokens", 64},
                        {"min_tokens", 1},
                        {"temperature", 0.8},
                        {"top_p", 0.9},
                        {"top_k", 20},
                        {"min_p", 0.05},
                        {"repetition_penalty", 1.1},
                        {"presence_penalty", 0.0},
                        {"frequency_penalty", 0.0},
                        {"stop_token_ids", {kEnd}},
                        {"ignore_eos", false},
                        {"logprobs", 0},
                        {"return_token_ids", true},
                        {"return_weight_versions", true},
                        {"stream", true},
                        {"stream_options", {{"include_usage", true}}}}));
  EXPECT_TRUE(groups[0].rollouts[0].logprobs.empty());  // vLLM's are of another temperature
  sampling.dry_multiplier = 0.8;
  EXPECT_TRUE(says(refusal(ErrorCode::kInvalidConfig), "rollout.dry_multiplier = 0"));
}

TEST_F(VllmEngine, LeavesOutWhatIsKnownAndKeepsTheOthersSeeds) {
  const auto engine = make_engine();
  const auto all = write(*engine);
  fake.stories.clear();
  const auto rest = write(*engine, 2, /*skip=*/3);
  EXPECT_EQ(fake.stories.size(), 1U);
  EXPECT_TRUE(rest[0].rollouts[0].tokens.empty());
  EXPECT_EQ(rest[1].rollouts[1].tokens, all[1].rollouts[1].tokens);
}

TEST_F(VllmEngine, GivesNewWeightsFromDiskAndStampsThem) {
  export_policies();
  const auto engine = make_engine();
  engine->use_policy(4);
  const std::string path = (folder.path() / "remote" / "run-4").string();
  EXPECT_EQ(fake.calls,
            (std::vector<std::string>{"GET /v1/models", "GET /server_info?config_format=json",
                                      "GET /weight_info", "POST /pause?mode=abort",
                                      "POST /update_weight_version", "POST /collective_rpc",
                                      "POST /reset_prefix_cache", "POST /update_weight_version",
                                      "POST /resume", "GET /weight_info"}));
  EXPECT_EQ(fake.loaded, path);
  EXPECT_EQ(fake.version, "run-4");
  EXPECT_EQ(write(*engine)[0].policy_version, 4);
  engine->use_policy(4);  // has it
  EXPECT_EQ(saved, 1);
  engine->use_policy(5);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "remote" / "run-5" / "weights"));
}

TEST_F(VllmEngine, GivesNewWeightsAsAnAdapterThatBearsTheStamp) {
  export_policies();
  options.config.weights = RemoteWeights::kLora;
  fake.adapters["run-1"] = "/of/a/killed/run";
  const auto engine = make_engine();
  engine->use_policy(1);
  write(*engine);
  EXPECT_EQ(fake.stories.at(0).at("model"), "run-1");
  EXPECT_EQ(fake.adapters.at("run-1"), (folder.path() / "remote" / "run-1").string());
  engine->use_policy(2);
  EXPECT_EQ(fake.adapters.size(), 1U);
  EXPECT_TRUE(fake.adapters.contains("run-2"));
  write(*engine);
  EXPECT_EQ(fake.stories.back().at("model"), "run-2");
}

TEST_F(VllmEngine, NeedsAServerThatCanBeGivenWeights) {
  export_policies();
  fake.fault = [](const ServerRequest& request, const Json&) -> std::optional<Reply> {
    if (request.target == "/weight_info") return json_reply({{"detail", "Not Found"}}, 404);
    return std::nullopt;
  };
  EXPECT_TRUE(says(refusal(ErrorCode::kInvalidConfig), "VLLM_SERVER_DEV_MODE=1"));
  options.config.weights = RemoteWeights::kLora;
  fake.fault = [](const ServerRequest& request, const Json&) -> std::optional<Reply> {
    if (request.target == "/v1/load_lora_adapter")
      return json_reply({{"detail", "Not Found"}}, 404);
    return std::nullopt;
  };
  EXPECT_TRUE(says(refusal(), "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"));
}

TEST_F(VllmEngine, StopsWhenTheServerHasOtherWeights) {
  export_policies();
  auto engine = make_engine();
  engine->use_policy(1);
  fake.version = "of-somebody-else";
  EXPECT_THROW(write(*engine), Error);  // before
  EXPECT_TRUE(fake.stories.empty());

  fake.fault = [this](const ServerRequest& request, const Json&) -> std::optional<Reply> {
    if (request.target == "/v1/completions") fake.version = "of-somebody-else";
    return std::nullopt;
  };
  EXPECT_TRUE(says(refusal(), "written with the weights \"of-somebody-else\""));  // in the answer

  fake.fault = [this](const ServerRequest& request, const Json& body) -> std::optional<Reply> {
    if (request.target != "/v1/completions") return std::nullopt;
    Reply reply = fake.answer(request.target, body);
    fake.version = "of-somebody-else";
    return reply;
  };
  prompts.pop_back();
  EXPECT_TRUE(says(refusal(), "after the stories of policy 1"));
}

TEST_F(VllmEngine, StopsWhenWeightsChangeUnderAServerOfWhichNobodyAsksForAny) {
  int calls = 0;
  fake.fault = [&](const ServerRequest& request, const Json&) -> std::optional<Reply> {
    if (request.target == "/weight_info") return json_reply({}, 404);  // no developer mode
    if (request.target == "/v1/completions" && ++calls == 2) fake.version = "new";
    return std::nullopt;
  };
  options.config.concurrency = 1;
  EXPECT_TRUE(says(refusal(), "\"new\""));
}

TEST_F(VllmEngine, AsksForContextAndPlainLogProbs) {
  sampling.max_new_tokens = 999;
  EXPECT_TRUE(says(refusal(ErrorCode::kInvalidConfig), "may need 1001 tokens"));
  sampling.max_new_tokens = 50;
  options.config.model = "other";
  EXPECT_TRUE(says(refusal(ErrorCode::kInvalidConfig), "its first model is \"base\""));
  options.config.model = "";
  fake.logprobs_mode = "processed_logprobs";
  EXPECT_TRUE(says(refusal(ErrorCode::kInvalidConfig), "--logprobs-mode"));
}

}  // namespace
}  // namespace polaris
