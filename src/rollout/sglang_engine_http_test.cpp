#include "rollout/remote_engine_testing.h"

namespace polaris {
namespace {

using SglangEngine = RemoteEngineTest<FakeSglang>;

TEST_F(SglangEngine, WritesFromTokensWhetherEventsRepeatTheStoryOrNot) {
  const auto whole = write(*make_engine());
  fake.is_incremental = true;
  const auto parts = write(*make_engine());
  for (std::size_t p = 0; p < 2; ++p) {
    for (std::size_t s = 0; s < 2; ++s) {
      const Rollout& rollout = whole[p].rollouts[s];
      EXPECT_EQ(rollout.tokens.back(), kEnd);
      EXPECT_EQ(rollout.logprobs, story_logprobs(rollout.tokens.size()));
      EXPECT_EQ(parts[p].rollouts[s].tokens, rollout.tokens);
      EXPECT_EQ(parts[p].rollouts[s].logprobs, rollout.logprobs);
    }
  }
}

TEST_F(SglangEngine, SendsTheSamplingInSglangsWords) {
  sampling.temperature = 0.8;
  prompts.pop_back();
  const auto groups = write(*make_engine(), 1);
  Json body = fake.stories.at(0);
  body["sampling_params"].erase("sampling_seed");
  EXPECT_EQ(body, (Json{{"input_ids", {5, 6}},
                        {"sampling_params",
                         {{"max_new_tokens", 50},
                          {"min_new_tokens", 0},
                          {"temperature", 0.8},
                          {"top_p", 0.95},
                          {"top_k", -1},
                          {"min_p", 0.0},
                          {"presence_penalty", 0.0},
                          {"frequency_penalty", 0.0},
                          {"stop_token_ids", {kEnd}},
                          {"ignore_eos", false},
                          {"stream_interval", 256}}},
                        {"return_logprob", true},
                        {"stream", true}}));
  EXPECT_FALSE(groups[0].rollouts[0].logprobs.empty());  // at the temperature of the story
  sampling.repetition_penalty = 1.1;
  sampling.dry_multiplier = 0.8;
  const std::string message = refusal(ErrorCode::kInvalidConfig);
  EXPECT_TRUE(says(message, "rollout.repetition_penalty = 1, rollout.dry_multiplier = 0"));
}

TEST_F(SglangEngine, GivesNewWeightsFromDiskAndFindsTheStampInEveryAnswer) {
  export_policies();
  const auto engine = make_engine();
  engine->use_policy(2);
  EXPECT_EQ(fake.loaded, (folder.path() / "remote" / "run-2").string());
  EXPECT_EQ(fake.version, "run-2");
  EXPECT_EQ(write(*engine)[0].policy_version, 2);
  fake.fault = [this](const ServerRequest& request, const Json&) -> std::optional<Reply> {
    if (request.target == "/generate") fake.version = "of-somebody-else";
    return std::nullopt;
  };
  EXPECT_TRUE(says(refusal(), "written with the weights \"of-somebody-else\""));
}

TEST_F(SglangEngine, GivesNewWeightsAsAnAdapter) {
  export_policies();
  options.config.weights = RemoteWeights::kLora;
  const auto engine = make_engine();
  engine->use_policy(1);
  engine->use_policy(2);
  write(*engine);
  EXPECT_EQ(fake.stories.at(0).at("lora_path"), "run-2");
  EXPECT_EQ(fake.adapters.size(), 1U);
  fake.adapters.clear();
  EXPECT_THROW(write(*engine), Error);
}

TEST_F(SglangEngine, TellsWhyItCouldNotLoad) {
  export_policies();
  fake.fault = [](const ServerRequest& request, const Json&) -> std::optional<Reply> {
    if (request.target != "/update_weights_from_disk") return std::nullopt;
    return json_reply({{"success", false}, {"message", "Failed to get weights iterator"}}, 400);
  };
  EXPECT_TRUE(says(refusal(), "giving the server policy 1"));
  EXPECT_TRUE(says(refusal(), "Failed to get weights iterator"));
  EXPECT_EQ(fake.version, "run-1-loading");  // nobody takes what is there for a policy
}

TEST_F(SglangEngine, RefusesLogProbsOfOtherTokens) {
  fake.fault = [this](const ServerRequest& request, const Json& body) -> std::optional<Reply> {
    if (request.target != "/generate") return std::nullopt;
    std::string text = fake.stream(body);
    const auto at = text.find("-0.25,10");
    text.replace(at, 8, "-0.25,11");
    return stream_reply(text);
  };
  EXPECT_TRUE(says(refusal(), "attempt 6 failed: the server's log-probs are not those"));
}

using LlamaEngine = RemoteEngineTest<FakeLlama>;

TEST_F(LlamaEngine, WritesFromTokensWithOurOrderOfSamplers) {
  sampling = {.top_p = 0.9,
              .top_k = 20,
              .repetition_penalty = 1.1,
              .dry_multiplier = 0.8,
              .max_new_tokens = 50};
  const auto groups = write(*make_engine());
  const Rollout& rollout = groups[0].rollouts[0];
  EXPECT_EQ(rollout.tokens.back(), kEnd);
  EXPECT_EQ(rollout.logprobs, story_logprobs(rollout.tokens.size()));
  const Json& body = fake.stories.at(0);
  EXPECT_EQ(body.at("samplers"),
            (Json{"penalties", "dry", "temperature", "top_k", "top_p", "min_p"}));
  EXPECT_EQ(body.at("repeat_penalty"), 1.1);
  EXPECT_EQ(body.at("repeat_last_n"), 50 + body.at("prompt").size());
  EXPECT_EQ(body.at("dry_penalty_last_n"), 4096);
  EXPECT_EQ(body.at("return_tokens"), true);
}

TEST_F(LlamaEngine, HasNoLogProbsRatherThanSomeOfThem) {
  fake.leaves_one_out = true;
  EXPECT_TRUE(write(*make_engine())[0].rollouts[0].logprobs.empty());
}

TEST_F(LlamaEngine, CannotBeTrained) {
  export_policies();
  EXPECT_TRUE(says(refusal(ErrorCode::kInvalidConfig), "vllm or sglang"));
}

}  // namespace
}  // namespace polaris
