#include <gtest/gtest.h>

#include "app/binary_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const std::string kGolden = POLARIS_GOLDEN_DIR;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Json info_json(std::vector<std::string> arguments) {
  std::vector<std::string> all = {"model", "info", "--json"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const BinaryResult result = run_polaris(all);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return Json::parse(result.out);
}

TEST(ModelInfo, KnowsShippedArchitecturesByName) {
  const BinaryResult result =
      run_polaris({"model", "info", "Qwen3.5-9B", "--plan-for", "cuda:139GB"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  for (const char* part :
       {"qwen3.5-9b: qwen3_5_text, 8,953,803,264 parameters",
        "32: 24 of linear attention, 8 of full attention (3, 7, 11", "248,320, head of its own",
        "248046, 248044", "weights: none here", "memory plan for 1 rank on cuda of 139.0 GB",
        "moments bfloat16, micro-batch 16,896 tokens", "training fits, sampling alone fits"})
    EXPECT_TRUE(contains(result.out, part)) << part << '\n' << result.out;
}

TEST(ModelInfo, ShowsThePlanThatDoesNotFitAndExitsWith6) {
  const BinaryResult result =
      run_polaris({"model", "info", "qwen3.5-9b", "--plan-for", "cuda:80GB", "--ranks", "2"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_TRUE(contains(result.out, "training does not fit, sampling alone fits")) << result.out;
  EXPECT_TRUE(contains(result.out, "enough: 4 ranks")) << result.out;
  EXPECT_TRUE(result.err.starts_with("polaris: training does not fit: its update phase needs"))
      << result.err;
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1);
}

TEST(ModelInfo, PrintsOneJsonObjectAlsoWhereTrainingDoesNotFit) {
  const BinaryResult result =
      run_polaris({"model", "info", "qwen3.5-9b", "--json", "--plan-for", "cuda:80GB"});
  EXPECT_EQ(result.exit_code, 6);
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["parameters"], 8'953'803'264);
  EXPECT_EQ(json["config"]["num_hidden_layers"], 32);
  EXPECT_EQ(json["parts"]["embedding"], 1'017'118'720);
  EXPECT_EQ(json["memory_plan"]["training_fits"], false);
  EXPECT_EQ(json["memory_plan"]["phases"][0]["phase"], "update");
  EXPECT_EQ(json["memory_plan"]["phases"][0]["bytes"]["weights"], 2 * 8'953'803'264);
}

TEST(ModelInfo, ListsWhatACheckpointHolds) {
  const Json json = info_json({kGolden + "/qwen3_5_tiny_vl", "--plan-for", "cpu:4GB"});
  const Json& weights = json["weights"];
  EXPECT_EQ(weights["files"], 2);
  EXPECT_EQ(weights["stored"]["F32"]["tensors"], 6);  // A_log and the gated norm of 3 layers
  EXPECT_GT(weights["stored"]["BF16"]["bytes"], 0);
  EXPECT_GT(weights["foreign"]["vision tower"]["tensors"], 10);
  EXPECT_EQ(weights["foreign"]["MTP head"]["tensors"], 15);
  EXPECT_FALSE(weights["foreign"].contains("other"));
  EXPECT_EQ(weights["stored"]["F32"]["parameters"].get<std::int64_t>() +
                weights["stored"]["BF16"]["parameters"].get<std::int64_t>(),
            json["parameters"]);

  const BinaryResult text =
      run_polaris({"model", "info", kGolden + "/qwen3_5_tiny_vl", "--plan-for", "cpu:4GB"});
  EXPECT_TRUE(contains(text.out, "carried along, not computed")) << text.out;
}

TEST(ModelInfo, TakesAConfigFileAlone) {
  const BinaryResult result =
      run_polaris({"model", "info", kGolden + "/llama3_tiny/config.json", "--plan-for", "cpu:4GB"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "3 of full attention")) << result.out;
  EXPECT_TRUE(contains(result.out, "(llama3)")) << result.out;
  EXPECT_TRUE(contains(result.out, "weights: none here")) << result.out;
}

TEST(ModelInfo, PlansTheRunThatIsConfigured) {
  const std::vector<std::string> base = {"qwen3.5-0.8b", "--plan-for", "cuda:139GB"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return info_json(more)["memory_plan"];
  };
  EXPECT_EQ(with({"--set", "optimizer.moments=bfloat16"})["moments"], "bfloat16");
  EXPECT_EQ(with({"--set", "optimizer.moments=int8"})["moments"], "int8");
  EXPECT_EQ(with({"--set", "learner.microbatch_tokens=9000"})["microbatch_tokens"], 9000);
  EXPECT_EQ(with({"--set", "model.compute_dtype=float32"})["compute_dtype"], "float32");
  const Json phases = with({"--set", "rollout.slots=7"})["phases"];
  EXPECT_EQ(phases.size(), 4U);
  EXPECT_EQ(phases[1]["slots"], 7);
  EXPECT_EQ(with({})["phases"][1]["slots"], 40);  // 8 prompts, 6 in a group, one a reference
  EXPECT_EQ(with({"--set", "hri.enabled=false"})["phases"][1]["slots"], 48);
  EXPECT_EQ(
      with({"--set", "train.validate_every=0", "--set", "train.validate_first=false"})["phases"]
          .size(),
      3U);
  EXPECT_EQ(with({"--set", "rollout.engine=remote", "--set",
                  "rollout.remote.base_url=http://localhost:1/v1"})["phases"]
                .size(),
            2U);
}

TEST(ModelInfo, WithoutADeviceItPlansForThisMachineAndOnlyShows) {
  const BinaryResult result = run_polaris(
      {"model", "info", "qwen3.5-27b", "--device", "cpu", "--set", "device.memory_fraction=1e-4"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "on this machine's memory")) << result.out;
  EXPECT_TRUE(contains(result.out, "training does not fit, sampling alone does not fit"))
      << result.out;
  EXPECT_EQ(run_polaris({"model", "info", "qwen3.5-27b", "--device", "cpu", "--plan-for", "auto",
                         "--set", "device.memory_fraction=1e-4"})
                .exit_code,
            6);
}

TEST(ModelInfo, RefusesWhatItCannotPlanOrFind) {
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> cases = {
      {{"no-such-model"}, 4, "these are llama-3.1-8b, "},
      {{"qwen3.5-9b", "--plan-for", "tpu:80GB"}, 2, "this kind of device is not known"},
      {{"qwen3.5-9b", "--plan-for", "cuda"}, 2, "its memory is missing"},
      {{"qwen3.5-9b", "--plan-for", "cuda:0"}, 2, "must be a number of GB or GiB"},
      {{"qwen3.5-9b", "--plan-for", "cuda:nanGB"}, 2, "no device has that much"},
      {{"qwen3.5-9b", "--ranks", "0"}, 2, "--ranks"},
      {{"qwen3.5-9b", "--set", "model.lora.enabled=true", "--set", "model.lora.targets=[\"w1\"]"},
       2,
       "no module is called \"w1\""},
      {{POLARIS_SOURCE_DIR "/README.md"}, 3, "README.md"},
  };
  for (const auto& [arguments, code, message] : cases) {
    std::vector<std::string> all = {"model", "info"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const BinaryResult result = run_polaris(all);
    EXPECT_EQ(result.exit_code, code) << arguments.back();
    EXPECT_TRUE(contains(result.err, message)) << result.err;
  }
}

class ModelInit : public testing::Test {
 protected:
  BinaryResult init(const std::string& config, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"model", "init", "--config", config, "--out", out.string()};
    all.insert(all.end(), more.begin(), more.end());
    return run_polaris(all);
  }
  std::string weights() const { return real_file_system().read(out / "model.safetensors"); }

  const TempFolder folder;
  const fs::path out = folder / "made";
};

TEST_F(ModelInit, MakesAModelThatInfoOpens) {
  const BinaryResult result = init(kGolden + "/qwen3_5_tiny/config.json", {"--seed", "5"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "random parameters from seed 5")) << result.out;
  const Json json = info_json({out.string(), "--plan-for", "cpu:4GB"});
  EXPECT_EQ(json["weights"]["files"], 1);
  EXPECT_FALSE(json["weights"]["stored"].contains("BF16")) << "config.json states float32";
}

TEST_F(ModelInit, TheSameSeedGivesTheSameBytesWithAnyNumberOfThreads) {
  const std::string config = kGolden + "/qwen3_tiny/config.json";
  ASSERT_EQ(init(config, {"--seed", "5", "--threads", "1"}).exit_code, 0);
  const std::string first = weights();
  fs::remove_all(out);
  ASSERT_EQ(init(config, {"--seed", "5", "--threads", "3"}).exit_code, 0);
  EXPECT_EQ(weights(), first);
  fs::remove_all(out);
  ASSERT_EQ(init(config, {"--seed", "6"}).exit_code, 0);
  EXPECT_NE(weights(), first);
}

TEST_F(ModelInit, StoresInTheTypeThatIsAskedForAndTakesTheTokenizerAlong) {
  fs::create_directories(folder / "source");
  fs::copy_file(kGolden + "/llama3_tiny/config.json", folder / "source/config.json");
  put_file(folder / "source/tokenizer.json", "{}");
  ASSERT_EQ(init((folder / "source").string(), {"--dtype", "bfloat16"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(out / "tokenizer.json"));
  const Json json = info_json({out.string(), "--plan-for", "cpu:4GB"});
  EXPECT_FALSE(json["weights"]["stored"].contains("F32"));
  EXPECT_EQ(json["config"]["dtype"], "bfloat16");
}

TEST_F(ModelInit, NeverWritesOverAnything) {
  const std::string config = kGolden + "/qwen3_tiny/config.json";
  ASSERT_EQ(init(config).exit_code, 0);
  const std::string before = weights();
  const BinaryResult result = init(config, {"--seed", "9"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_TRUE(contains(result.err, "already holds")) << result.err;
  EXPECT_EQ(weights(), before);
}

TEST_F(ModelInit, ABadConfigLeavesNothing) {
  put_file(folder / "config.json", R"({"model_type": "mamba"})");
  const BinaryResult result = init((folder / "config.json").string());
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_TRUE(contains(result.err, "config.json")) << result.err;
  EXPECT_FALSE(fs::exists(out));
  EXPECT_EQ(init("qwen3.5-9b", {"--dtype", "int4"}).exit_code, 2);
}

}  // namespace
}  // namespace polaris
