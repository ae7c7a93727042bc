// A run of the recipe whose stories a server writes: it gets every policy as a checkpoint.

#include <gtest/gtest.h>

#include <set>

#include "app/real_run_testing.h"
#include "rollout/remote_engine_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class RemoteRun : public testing::Test {
 protected:
  RemoteRun() {
    config = small_run_config(folder.path());
    fake.fault = [this](const ServerRequest& request, const Json& body) -> std::optional<Reply> {
      if (request.target == "/collective_rpc") {
        const fs::path given = body.at("kwargs").at("weights_path").get<std::string>();
        EXPECT_TRUE(fs::exists(given / "model.safetensors") && fs::exists(given / "config.json"));
        policies.insert(given.filename().string());
      }
      if (request.target == "/v1/load_lora_adapter") {
        const fs::path given = body.at("lora_path").get<std::string>();
        EXPECT_TRUE(fs::exists(given / "adapter_model.safetensors") &&
                    fs::exists(given / "adapter_config.json"));
        policies.insert(given.filename().string());
      }
      if (request.target != "/v1/completions") return std::nullopt;
      asked_models.insert(body.at("model").get<std::string>());
      std::vector<TokenId> tokens = story_tokens(body.at("seed").get<std::uint32_t>());
      tokens.back() = body.at("stop_token_ids").at(0).get<TokenId>();
      return stream_reply(FakeVllm::stream(fake.events(body, tokens)));
    };
  }

  BinaryResult train(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "train",     config.string(),
        "--run-dir", (folder.path() / "run").string(),
        "--set",     "rollout.engine=remote",
        "--set",     "rollout.remote.base_url=" + server.url("/v1")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }

  const TempFolder folder;
  fs::path config;
  FakeVllm fake;
  LoopbackServer server{[this](const ServerRequest& request) { return fake(request); }};
  std::set<std::string> policies;
  std::set<std::string> asked_models;
};

TEST_F(RemoteRun, TrainsOnWhatTheServerWritesWithEachPolicy) {
  const BinaryResult result = train();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(policies.size(), 5U);  // before the first step, and after each of the four
  EXPECT_EQ(fake.version, *policies.rbegin());
  const auto rows = lines_of(real_file_system().read(folder.path() / "run" / "rollouts.jsonl"));
  ASSERT_FALSE(rows.empty());
  for (const OrderedJson& row : rows) {
    if (row.at("origin") != "policy") continue;
    EXPECT_EQ(row.at("logprobs").size(), row.at("tokens").size());
    EXPECT_EQ(row.at("policy_version"), row.at("step").get<int>() - 1);
  }
  const auto remote = folder.path() / "run" / "remote";
  EXPECT_EQ(std::distance(fs::directory_iterator(remote), {}), 1);  // only the last one stays
}

TEST_F(RemoteRun, GivesTheServerOnlyTheAdapterThatItTrains) {
  const BinaryResult result = train({"--set", "model.lora.enabled=true", "--set",
                                     "model.lora.rank=4", "--set", "rollout.remote.weights=lora"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(policies.size(), 5U);      // before the first step, and after each of the four
  EXPECT_EQ(asked_models.size(), 5U);  // every story was asked of its step's adapter
  EXPECT_EQ(fake.adapters.size(), 1U);
  const auto rows = lines_of(real_file_system().read(folder.path() / "run" / "rollouts.jsonl"));
  ASSERT_FALSE(rows.empty());
  for (const OrderedJson& row : rows) {
    if (row.at("origin") == "policy")
      EXPECT_EQ(row.at("policy_version"), row.at("step").get<int>() - 1);
  }
}

TEST_F(RemoteRun, RefusesServersThatCannotBeTrained) {
  const auto refused = [&](std::vector<std::string> assignments, const char* reason) {
    std::vector<std::string> more;
    for (const std::string& assignment : assignments) {
      more.emplace_back("--set");
      more.push_back(assignment);
    }
    const BinaryResult result = train(more);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_NE(result.err.find(reason), std::string::npos) << result.err;
  };
  refused({"rollout.remote.server=llama"}, "vllm or sglang");
  refused({"rollout.remote.server=openai", "rollout.remote.model=m"}, "vllm or sglang");
  refused({"rollout.remote.weights=lora"}, "model.lora.enabled = true");
  refused({"rollout.remote.server=sglang"}, "rollout.repetition_penalty = 1");
  refused({"rollout.temperature=0.8", "loss.importance_weights=truncated"}, "log-probs");
  EXPECT_TRUE(fake.calls.empty());
}

}  // namespace
}  // namespace polaris
