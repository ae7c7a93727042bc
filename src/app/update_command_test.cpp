#include <gtest/gtest.h>

#include <cmath>

#include "app/binary_testing.h"
#include "weights/model_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = POLARIS_GOLDEN_DIR;

/// A golden tensor as a JSON list.
template <class T>
std::vector<T> golden(const SafetensorsFile& file, const std::string& name) {
  const StoredTensor* tensor = file.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

class UpdateCommand : public testing::Test {
 protected:
  BinaryResult run(const std::string& model, const std::string& batches,
                   std::vector<std::string> more = {}) const {
    put_file(folder / "b.jsonl", batches);
    std::vector<std::string> arguments = {"update",
                                          "--model",
                                          (kGolden / model).string(),
                                          "--batches",
                                          (folder / "b.jsonl").string(),
                                          "--out",
                                          (folder / "out").string(),
                                          "--threads",
                                          "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }

  const TempFolder folder;
};

class GoldenUpdates : public UpdateCommand, public testing::WithParamInterface<std::string> {};

TEST_P(GoldenUpdates, AreReplayedByTheProgram) {
  const SafetensorsFile file(kGolden / "grpo_step" / GetParam() / "golden.safetensors");
  const Json recorded = read_json_file(kGolden / "grpo_step" / GetParam() / "steps.json");
  std::string batches;
  for (std::size_t s = 0; s < recorded["steps"].size(); ++s) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < recorded["steps"][s]["rows"].size(); ++i) {
      const std::string name = fmt::format("step{}.row{}.", s, i);
      rows.push_back({{"prompt_tokens", golden<std::int64_t>(file, name + "prompt")},
                      {"response_tokens", golden<std::int64_t>(file, name + "response")},
                      {"advantage", recorded["steps"][s]["rows"][i]["advantage"]}});
    }
    batches += Json{{"rows", rows}}.dump() + "\n";
  }
  const BinaryResult result =
      run(GetParam(), batches, {"--set", "optimizer.lr=1e-4", "--set", "optimizer.eps=1e-5"});
  ASSERT_EQ(result.exit_code, 0) << result.err;

  const auto steps = lines_of(result.out);
  ASSERT_EQ(steps.size(), 3U);
  for (std::size_t s = 0; s < 3; ++s) {
    const Json& expected = recorded["steps"][s];
    EXPECT_EQ(steps[s]["step"], s + 1);
    EXPECT_EQ(steps[s]["rows"], expected["rows"].size());
    EXPECT_EQ(steps[s]["response_tokens"], expected["response_tokens"]);
    EXPECT_EQ(steps[s]["skipped"], false);
    EXPECT_NEAR(steps[s]["loss"].get<double>(), expected["loss"].get<double>(), 1e-6);
    const auto norm = expected["grad_norm_before_clip"].get<double>();
    EXPECT_NEAR(steps[s]["grad_norm"].get<double>(), norm, 5e-4 * norm);
  }
  const ModelFolder written(folder / "out");
  for (const ModelTensor& tensor : written.tensors()) {
    const std::string name = written.names().in_file(tensor.name);
    const auto expected = golden<float>(file, "step2.param." + name);
    ASSERT_EQ(tensor.stored->bytes.size(), expected.size() * sizeof(float)) << name;
    std::vector<float> actual(expected.size());
    std::memcpy(actual.data(), tensor.stored->bytes.data(), tensor.stored->bytes.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], 1e-5) << name << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenUpdates, testing::Values("qwen3_5_tiny", "llama3_tiny"),
                         [](const auto& info) { return info.param; });

constexpr auto kBatch =
    R"({"rows": [{"prompt_tokens": [1, 2], "response_tokens": [3, 4, 5], "advantage": 0.5}]})"
    "\n";

TEST_F(UpdateCommand, WritesACheckpointOfTheWishedType) {
  const BinaryResult result = run("mistral_tiny", kBatch, {"--dtype", "bfloat16"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const ModelFolder written(folder / "out");
  EXPECT_EQ(written.tensors().front().stored->spec.dtype, Dtype::kBF16);
  EXPECT_EQ(read_json_file(folder / "out" / "config.json")["dtype"], "bfloat16");
}

TEST_F(UpdateCommand, NamesTheRowThatItCannotReadAndWritesNothing) {
  const BinaryResult result =
      run("mistral_tiny", std::string(kBatch) +
                              R"({"rows": [{"prompt_tokens": [1], "response_tokens": [999], )"
                              R"("advantage": 1}]})");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(lines_of(result.out).size(), 1U);
  EXPECT_FALSE(fs::exists(folder / "out" / "config.json"));
}

TEST_F(UpdateCommand, RefusesAFolderThatIsInUseBeforeAnyWork) {
  fs::create_directory(folder / "out");
  put_file(folder / "out" / "mine.txt", "keep");
  const BinaryResult result = run("mistral_tiny", kBatch);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find("is not an empty folder"), std::string::npos) << result.err;
  EXPECT_TRUE(result.out.empty());
}

}  // namespace
}  // namespace polaris
