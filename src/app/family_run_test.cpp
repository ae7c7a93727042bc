// Every supported family through the whole loop: supervised start, training with human references,
// writing.

#include <gtest/gtest.h>

#include <cmath>

#include "app/real_run_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

struct Family {
  const char* model;      ///< golden folder with the architecture
  const char* tokenizer;  ///< golden folder with a tokenizer of the family
  int vocab_size;         ///< of that tokenizer
  bool thinking;          ///< whether its stories are planned in a think block
};

constexpr int kSupervisedSteps = 6, kSteps = 2;

class FamilyRun : public testing::TestWithParam<Family> {
 protected:
  FamilyRun() : config(small_run_config(folder.path()).string()) {}

  void succeed(const std::vector<std::string>& arguments) const {
    const BinaryResult result = run_polaris(arguments);
    ASSERT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.out << result.err;
  }

  /// A model of the family with random weights and its tokenizer.
  std::string random_model() const {
    const fs::path golden = POLARIS_GOLDEN_DIR, shape = folder / "shape", out = folder / "model";
    fs::create_directories(shape);
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(golden / GetParam().tokenizer / file, shape / file);
    OrderedJson json =
        OrderedJson::parse(real_file_system().read(golden / GetParam().model / "config.json"));
    json["vocab_size"] = GetParam().vocab_size;
    for (const char* id : {"bos_token_id", "eos_token_id"}) json.erase(id);
    put_file(shape / "config.json", json.dump());
    succeed({"model", "init", "--config", shape.string(), "--seed", "3", "--out", out.string()});
    return out.string();
  }

  std::vector<std::string> command(const std::string& verb, const std::string& name,
                                   std::vector<std::string> settings) const {
    settings.insert(settings.end(),
                    {fmt::format("model.thinking={}", GetParam().thinking),
                     fmt::format("train.steps={}", verb == "sft" ? kSupervisedSteps : kSteps),
                     "train.validate_every=2", "optimizer.lr=1e-2"});
    std::vector<std::string> arguments = {verb, config, "--run-dir", (folder / name).string()};
    for (const std::string& setting : settings)
      arguments.insert(arguments.end(), {"--set", setting});
    return arguments;
  }

  std::vector<OrderedJson> metrics(const std::string& run) const {
    return lines_of(real_file_system().read(folder / run / "metrics.jsonl"));
  }

  TempFolder folder;
  std::string config;
};

TEST_P(FamilyRun, LearnsFromStoriesTrainsWithReferencesAndWrites) {
  const std::string model = random_model();
  ASSERT_NO_FATAL_FAILURE(succeed(command("sft", "sft",
                                          {"model.path=" + model, "sft.holdout=0", "sft.epochs=8",
                                           "sft.data=" + (folder / "stories.jsonl").string()})));
  const auto learned = metrics("sft");
  ASSERT_EQ(learned.size(), kSupervisedSteps + 1U);
  EXPECT_LT(learned.back()["sft/loss"].get<double>(), learned[1]["sft/loss"].get<double>());

  const std::string started =
      (folder / "sft/checkpoints" / fmt::format("step_{}", kSupervisedSteps) / "model").string();
  ASSERT_NO_FATAL_FAILURE(succeed(command("train", "run", {"model.path=" + started})));
  const auto trained = metrics("run");
  EXPECT_GT(trained.back()["actor/grad_norm"].get<double>(), 0.0);
  EXPECT_TRUE(trained.back().contains("hri/gt_reward_mean"));

  put_file(folder / "prompts.jsonl", R"({"id": 1, "prompt": "Story 1, please."})"
                                     "\n");
  const std::string out = (folder / "out.jsonl").string();
  ASSERT_NO_FATAL_FAILURE(
      succeed({"generate", "--model", (folder / "run/checkpoints/step_2/model").string(), "--in",
               (folder / "prompts.jsonl").string(), "--out", out, "--max-new-tokens", "40", "--set",
               fmt::format("model.thinking={}", GetParam().thinking)}));
  const OrderedJson line = lines_of(real_file_system().read(out)).at(0);
  EXPECT_GT(line["tokens"].size(), 1U);
  for (const OrderedJson& logprob : line["logprobs"])
    EXPECT_TRUE(std::isfinite(logprob.get<double>()));
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyRun,
                         testing::Values(Family{"llama3_tiny", "tokenizer_llama3", 1456, false},
                                         Family{"qwen3_tiny", "tokenizer", 2048, true},
                                         Family{"mistral_tiny", "tokenizer_mistral", 1500, false}),
                         [](const auto& info) { return std::string(info.param.model); });

}  // namespace
}  // namespace polaris
