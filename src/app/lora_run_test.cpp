// Adapters from the outside: supervised start, training, killed and resumed, writing, merging.

#include <gtest/gtest.h>

#include <cmath>

#include "app/real_run_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class LoraRun : public testing::Test {
 protected:
  LoraRun() : config(small_run_config(folder.path()).string()) {}

  std::vector<std::string> command(const std::string& verb, const std::string& name,
                                   const std::vector<std::string>& settings = {}) const {
    std::vector<std::string> arguments = {verb, config, "--run-dir", (folder / name).string()};
    std::vector<std::string> all = {"model.lora.enabled=true", "model.lora.rank=4",
                                    "model.lora.alpha=8",      "train.steps=2",
                                    "train.validate_every=0",  "train.validate_first=false",
                                    "optimizer.lr=1e-2"};
    all.insert(all.end(), settings.begin(), settings.end());
    for (const std::string& setting : all) arguments.insert(arguments.end(), {"--set", setting});
    return arguments;
  }

  void succeed(const std::vector<std::string>& arguments) const {
    const BinaryResult result = run_polaris(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  }

  std::string result_of(const std::string& name) const {
    return bytes_below(folder / name / "checkpoints/step_2/adapter") +
           real_file_system().read(folder / name / "checkpoints/step_2/optimizer.safetensors") +
           real_file_system().read(folder / name / "rollouts.jsonl");
  }

  std::vector<OrderedJson> metrics(const std::string& name) const {
    return lines_of(real_file_system().read(folder / name / "metrics.jsonl"));
  }

  std::vector<double> logprobs(const std::vector<std::string>& model) const {
    put_file(folder / "tokens.jsonl", R"({"id":1,"tokens":[5,60,700,8,90,1000,11,120]})");
    const std::string out = (folder / "logprobs.jsonl").string();
    std::vector<std::string> arguments = {"logprobs", "--in", (folder / "tokens.jsonl").string(),
                                          "--out", out};
    arguments.insert(arguments.end(), model.begin(), model.end());
    fs::remove(out);
    succeed(arguments);
    return lines_of(real_file_system().read(out)).at(0)["logprobs"].get<std::vector<double>>();
  }

  TempFolder folder;
  std::string config;
};

TEST_F(LoraRun, TrainsAdaptersAloneAndKilledGoesOnToTheSameBytes) {
  const std::string base = bytes_below(kTinyModel);
  succeed(command("train", "undisturbed"));
  EXPECT_EQ(bytes_below(kTinyModel), base);
  const fs::path checkpoint = folder / "undisturbed/checkpoints/step_2";
  EXPECT_TRUE(fs::exists(checkpoint / "adapter/adapter_model.safetensors"));
  EXPECT_FALSE(fs::exists(checkpoint / "model"));
  const auto steps = metrics("undisturbed");
  ASSERT_EQ(steps.size(), 2U);
  for (const OrderedJson& step : steps) {
    EXPECT_LT(step["mismatch/logprob_abs_mean"], 1e-4);  // sampler and trainer are one model
    EXPECT_GT(step["actor/grad_norm"], 0.0);
  }

  const int status = start_and_signal(command("train", "killed"), SIGKILL, [&] {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!fs::exists(folder / "killed/checkpoints/step_1/DONE") &&
           std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  succeed(command("train", "killed"));
  EXPECT_EQ(result_of("killed"), result_of("undisturbed"));

  const auto before = logprobs({"--model", kTinyModel});
  const auto after =
      logprobs({"--model", kTinyModel, "--adapter", (checkpoint / "adapter").string()});
  EXPECT_NE(before, after);
}

TEST_F(LoraRun, FromASupervisedStartToTrainingWritingAndOneMergedModel) {
  const std::vector<std::string> data = {
      fmt::format("sft.data={}", (folder / "stories.jsonl").string()),
      "sft.batch_tokens=100",
      "sft.holdout=0.25",
      "sft.lr=1e-2",
      "train.steps=12",
      "train.checkpoint_every=0"};
  const BinaryResult sft = run_polaris(command("sft", "sft", data));
  ASSERT_EQ(sft.exit_code, 0) << sft.out << sft.err;
  EXPECT_NE(sft.out.find("done: the adapter is"), std::string::npos) << sft.out;
  const auto losses = metrics("sft");
  EXPECT_LT(losses.back()["sft/loss"], losses.front()["sft/loss"]);
  const std::string adapter = (folder / "sft/checkpoints/step_12/adapter").string();

  succeed(command("train", "run", {"model.lora.adapter=" + adapter}));
  const std::string trained = (folder / "run/checkpoints/step_2/adapter").string();
  put_file(folder / "prompts.jsonl", R"({"id":"a","tokens":[5,60,700]})");
  succeed({"generate", "--model", kTinyModel, "--adapter", trained, "--in",
           (folder / "prompts.jsonl").string(), "--out", (folder / "out.jsonl").string(),
           "--max-new-tokens", "16"});
  EXPECT_TRUE(fs::exists(folder / "out.jsonl"));

  const std::string merged = (folder / "merged").string();
  succeed({"model", "merge", kTinyModel, trained, "--out", merged});
  EXPECT_TRUE(fs::exists(folder / "merged/tokenizer.json"));
  const auto beside = logprobs({"--model", kTinyModel, "--adapter", trained});
  const auto one = logprobs({"--model", merged});
  ASSERT_EQ(beside.size(), one.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(beside[i], one[i], 1e-4) << i;

  const BinaryResult other =
      run_polaris({"logprobs", "--model", merged, "--adapter", trained, "--in",
                   (folder / "tokens.jsonl").string(), "--out", (folder / "x.jsonl").string()});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_NE(other.err.find("trained on other weights"), std::string::npos) << other.err;
}

}  // namespace
}  // namespace polaris
