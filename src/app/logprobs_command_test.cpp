#include <gtest/gtest.h>

#include <cmath>

#include "app/binary_testing.h"
#include "weights/safetensors.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = POLARIS_GOLDEN_DIR;

template <class T>
std::vector<T> golden(const SafetensorsFile& file, const std::string& name) {
  const StoredTensor* tensor = file.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

class LogprobsCommand : public testing::Test {
 protected:
  BinaryResult run(const std::string& input, const std::string& model = "qwen3_5_tiny",
                   std::vector<std::string> more = {}) const {
    put_file(folder / "in.jsonl", input);
    std::vector<std::string> arguments = {"logprobs",
                                          "--model",
                                          (kGolden / model).string(),
                                          "--in",
                                          (folder / "in.jsonl").string(),
                                          "--out",
                                          (folder / "out.jsonl").string(),
                                          "--threads",
                                          "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }
  std::vector<OrderedJson> output() const {
    return lines_of(real_file_system().read(folder / "out.jsonl"));
  }

  const TempFolder folder;
};

TEST_F(LogprobsCommand, GivesTheLogProbabilitiesOfTransformers) {
  const SafetensorsFile file(kGolden / "qwen3_5_tiny" / "golden.safetensors");
  const auto ids = golden<std::int64_t>(file, "input_ids");
  const auto logprobs = golden<float>(file, "token_logprobs");
  const std::vector<std::int64_t> first(ids.begin(), ids.begin() + 37);
  const std::vector<std::int64_t> second(ids.begin() + 37, ids.end());
  const BinaryResult result =
      run(Json{{"id", 7}, {"tokens", first}, {"note", "kept"}}.dump() + "\n" +
          Json{{"uid", "b"}, {"tokens", second}, {"start", 30}}.dump() + "\n" +
          Json{{"tokens", {5}}}.dump() + "\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto records = output();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["id"], 7);
  EXPECT_EQ(records[0]["note"], "kept");
  EXPECT_FALSE(records[0].contains("tokens"));
  ASSERT_EQ(records[0]["logprobs"].size(), 36U);
  for (std::size_t i = 0; i < 36; ++i)
    EXPECT_NEAR(records[0]["logprobs"][i].get<double>(), logprobs[i], 2e-4);
  ASSERT_EQ(records[1]["logprobs"].size(), 7U);
  ASSERT_EQ(records[1]["entropy"].size(), 7U);
  for (std::size_t i = 0; i < 7; ++i)
    EXPECT_NEAR(records[1]["logprobs"][i].get<double>(), logprobs[36 + 29 + i], 2e-4);
  EXPECT_EQ(records[2]["logprobs"], OrderedJson::array());  // nothing predicts the first token
}

TEST_F(LogprobsCommand, NamesLineAndTokenOfWhatItCannotRead) {
  const auto refusal = [&](const std::string& input) {
    const BinaryResult result = run(R"({"tokens": [1, 2]})"
                                    "\n" +
                                    input + "\n");
    EXPECT_EQ(result.exit_code, 3) << input;
    EXPECT_FALSE(fs::exists(folder / "out.jsonl"));
    return result.err;
  };
  EXPECT_NE(refusal(R"({"tokens": [1, 320]})").find("in.jsonl:2: tokens: token 1 is 320, but"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"tokens": []})").find("in.jsonl:2: tokens: there are no tokens"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"tokens": [1, -3]})").find("in.jsonl:2: \"tokens\"[1] is not a token id"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"tokens": [1, 2], "start": 3})").find("in.jsonl:2: start is 3, but 2"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"id": 4})").find("in.jsonl:2: \"tokens\" is missing"), std::string::npos);
}

TEST_F(LogprobsCommand, ReportsAModelThatIsNotThere) {
  const BinaryResult result = run(R"({"tokens": [1, 2]})", "no_such_model");
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find("no_such_model"), std::string::npos) << result.err;
}

TEST_F(LogprobsCommand, RunsInBfloat16) {
  const BinaryResult result =
      run(R"({"tokens": [1, 2, 3]})", "llama3_tiny", {"--set", "model.compute_dtype=\"bfloat16\""});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(output()[0]["logprobs"].size(), 2U);
}

}  // namespace
}  // namespace polaris
