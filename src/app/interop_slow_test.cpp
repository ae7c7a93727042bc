// Our files in other programs, and theirs here: transformers and peft, which `./dev setup peers`
// fetches. Without them the tests are skipped, unless POLARIS_REQUIRE_PEERS is set.

#include <gtest/gtest.h>

#include <cmath>

#include "app/real_run_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = POLARIS_SOURCE_DIR;
constexpr double kTolerance = 5e-4;  // nats

class Interop : public testing::Test {
 protected:
  void SetUp() override {
    if (fs::exists(python)) return;
    if (std::getenv("POLARIS_REQUIRE_PEERS") != nullptr)
      FAIL() << python << " is missing: ./dev setup peers";
    GTEST_SKIP() << "no transformers here: ./dev setup peers";
  }

  void peer(const std::string& arguments) const {
    const std::string log = (folder / "peer.log").string();
    const int status =
        std::system(fmt::format("{} {} {} >{} 2>&1", python.string(),
                                (kSource / "tests/interop/peers.py").string(), arguments, log)
                        .c_str());
    ASSERT_EQ(status, 0) << arguments << "\n" << real_file_system().read(log);
  }

  void polaris(const std::vector<std::string>& arguments) const {
    const BinaryResult result = run_polaris(arguments);
    ASSERT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
  }

  /// Some sequences over a vocabulary.
  void put_sequences(int vocab_size) const {
    std::string lines;
    for (int sequence = 0; sequence < 3; ++sequence) {
      OrderedJson tokens;
      for (int i = 0; i < 150 + 50 * sequence; ++i)
        tokens.push_back((sequence * 31 + i * (7 + sequence) + i * i) % vocab_size);
      lines += OrderedJson{{"id", sequence}, {"tokens", tokens}}.dump() + "\n";
    }
    put_file(in, lines);
  }

  /// Both sides' answers about the sequences are the same.
  void expect_agreement(const std::string& model, const std::string& adapter = "") const {
    const std::string ours = (folder / "ours.jsonl").string();
    const std::string theirs = (folder / "theirs.jsonl").string();
    fs::remove(ours);
    std::vector<std::string> arguments = {"logprobs", "--model",   model,
                                          "--in",     in.string(), "--out",
                                          ours,       "--set",     "model.compute_dtype=float32"};
    if (!adapter.empty()) arguments.insert(arguments.end(), {"--adapter", adapter});
    ASSERT_NO_FATAL_FAILURE(polaris(arguments));
    ASSERT_NO_FATAL_FAILURE(
        peer(fmt::format("logprobs {} {} {} {}", model, in.string(), theirs, adapter)));
    const auto a = lines_of(real_file_system().read(ours));
    const auto b = lines_of(real_file_system().read(theirs));
    ASSERT_EQ(a.size(), 3U);
    ASSERT_EQ(b.size(), 3U);
    double worst = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (const char* field : {"logprobs", "entropy"}) {
        ASSERT_EQ(a[i][field].size(), b[i][field].size());
        for (std::size_t t = 0; t < a[i][field].size(); ++t)
          worst = std::max(worst,
                           std::abs(a[i][field][t].get<double>() - b[i][field][t].get<double>()));
      }
    }
    EXPECT_LE(worst, kTolerance) << model;
    RecordProperty("worst_nats", fmt::format("{:.2e}", worst));
  }

  const TempFolder folder;
  const fs::path in = folder / "sequences.jsonl";
  const fs::path python = kSource / ".deps/peers/python";
};

TEST_F(Interop, TransformersReadsAModelThatWasTrainedHere) {
  const std::string config = small_run_config(folder.path()).string();
  const std::string run = (folder / "run").string();
  ASSERT_NO_FATAL_FAILURE(
      polaris({"train", config, "--run-dir", run, "--set", "train.steps=2", "--set",
               "train.validate_every=0", "--set", "train.validate_first=false", "--set",
               "optimizer.lr=1e-2", "--set", "model.save_dtype=float32"}));
  put_sequences(2000);
  expect_agreement(run + "/checkpoints/step_2/model");
}

TEST_F(Interop, PeftReadsAnAdapterThatWasTrainedHere) {
  const std::string config = small_run_config(folder.path()).string();
  const std::string run = (folder / "run").string();
  ASSERT_NO_FATAL_FAILURE(polaris(
      {"train", config, "--run-dir", run, "--set", "train.steps=2", "--set",
       "train.validate_every=0", "--set", "train.validate_first=false", "--set",
       "optimizer.lr=1e-2", "--set", "model.lora.enabled=true", "--set", "model.lora.rank=4"}));
  put_sequences(2000);
  expect_agreement(kTinyModel, run + "/checkpoints/step_2/adapter");
}

TEST_F(Interop, AModelThatTransformersSavedGivesTheSameHere) {
  for (const char* family : {"llama3_tiny", "qwen3_tiny", "mistral_tiny", "qwen3_5_tiny"}) {
    const std::string model = (folder / family).string();
    ASSERT_NO_FATAL_FAILURE(peer(fmt::format(
        "save {} {}", (fs::path(POLARIS_GOLDEN_DIR) / family / "config.json").string(), model)));
    put_sequences(300);
    ASSERT_NO_FATAL_FAILURE(expect_agreement(model));
  }
}

}  // namespace
}  // namespace polaris
