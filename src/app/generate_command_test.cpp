#include <gtest/gtest.h>

#include <cstring>

#include "app/binary_testing.h"
#include "weights/safetensors.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = POLARIS_GOLDEN_DIR;

class GenerateCommand : public testing::Test {
 protected:
  BinaryResult run(const std::string& input, std::vector<std::string> more = {},
                   const fs::path& model = kGolden / "qwen3_5_tiny") const {
    put_file(folder / "in.jsonl", input);
    std::vector<std::string> arguments = {
        "generate", "--model",   model.string(), "--in", (folder / "in.jsonl").string(),
        "--out",    out.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }
  std::string text() const { return real_file_system().read(out); }
  std::vector<OrderedJson> output() const { return lines_of(text()); }

  const TempFolder folder;
  const fs::path out = folder / "out.jsonl";
};

std::vector<std::int64_t> golden(const SafetensorsFile& file, const std::string& name) {
  const StoredTensor* tensor = file.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  std::vector<std::int64_t> values(tensor->bytes.size() / sizeof(std::int64_t));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

TEST_F(GenerateCommand, ContinuesGreedilyAsTransformersDoes) {
  for (const char* model : {"qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3", "llama3_tiny",
                            "qwen3_tiny", "mistral_tiny"}) {
    const SafetensorsFile file(kGolden / model / "golden.safetensors");
    const auto expected = golden(file, "greedy.tokens");
    fs::remove(out);
    const BinaryResult result =
        run(Json{{"tokens", golden(file, "greedy.prompt")}}.dump() + "\n",
            {"--temperature", "0", "--repetition-penalty", "1", "--ignore-eos", "--max-new-tokens",
             std::to_string(expected.size())},
            kGolden / model);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(output().at(0)["tokens"].get<std::vector<std::int64_t>>(), expected) << model;
  }
}

const std::string kThree = R"({"id": 7, "tokens": [5, 9, 300], "note": {"b": 1, "a": [2]}})"
                           "\n"
                           R"({"uid": "b", "tokens": [1, 2, 3, 4]})"
                           "\n"
                           R"({"tokens": [44], "target_word_count": 500})"
                           "\n";

TEST_F(GenerateCommand, KeepsOrderIdsAndForeignFields) {
  const BinaryResult result =
      run(kThree, {"--samples", "2", "--max-new-tokens", "12", "--ignore-eos", "--slots", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto lines = output();
  ASSERT_EQ(lines.size(), 6U);
  const std::vector<OrderedJson> ids = {7, 7, "b", "b", 3, 3};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(lines[i]["id"], ids[i]);
    EXPECT_EQ(lines[i]["sample"], i % 2);
    EXPECT_EQ(lines[i]["tokens"].size(), 12U);
    EXPECT_EQ(lines[i]["logprobs"].size(), 12U);
    EXPECT_EQ(lines[i]["sampled_logprobs"].size(), 12U);
    EXPECT_EQ(lines[i]["stop"], "length");
    EXPECT_FALSE(lines[i].contains("text"));  // the model has no tokenizer
    EXPECT_FALSE(lines[i].contains("words"));
  }
  EXPECT_EQ(lines[0]["note"].dump(), R"({"b":1,"a":[2]})");
  EXPECT_EQ(lines[3]["uid"], "b");
  EXPECT_EQ(lines[4]["target_word_count"], 500);
  EXPECT_NE(lines[0]["tokens"], lines[1]["tokens"]);
}

TEST_F(GenerateCommand, WritesTheSameWhateverSlotsAndThreads) {
  const std::vector<std::string> common = {"--samples", "3", "--max-new-tokens", "25"};
  const auto with = [&](std::vector<std::string> more) {
    fs::remove(out);
    more.insert(more.end(), common.begin(), common.end());
    const BinaryResult result = run(kThree, more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return text();
  };
  const std::string expected = with({"--slots", "1", "--threads", "1"});
  EXPECT_EQ(with({"--slots", "3", "--threads", "2"}), expected);
  EXPECT_EQ(with({"--threads", "2"}), expected);
  EXPECT_NE(with({"--seed", "4"}), expected);
}

TEST_F(GenerateCommand, GoesOnBehindTheLastWholeLine) {
  const std::vector<std::string> flags = {"--samples", "2", "--max-new-tokens", "9"};
  ASSERT_EQ(run(kThree, flags).exit_code, 0);
  const std::string whole = text();
  std::vector<std::size_t> ends;  // of lines
  for (std::size_t at = whole.find('\n'); at != std::string::npos; at = whole.find('\n', at + 1))
    ends.push_back(at + 1);
  for (const std::size_t kept :
       {std::size_t{0}, std::size_t{5}, ends[0], ends[2], ends[2] + 20, ends[4] - 1, ends[5]}) {
    put_file(out, whole.substr(0, kept));
    const BinaryResult result = run(kThree, flags);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(text(), whole) << kept;
  }
}

TEST_F(GenerateCommand, RefusesToContinueAnotherFile) {
  put_file(out, R"({"id": 8, "sample": 0})"
                "\n");
  const BinaryResult result = run(kThree, {"--max-new-tokens", "2"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("out.jsonl:1"), std::string::npos) << result.err;
  EXPECT_EQ(output().size(), 1U);
  // A finished file of fewer samples is another file too.
  fs::remove(out);
  ASSERT_EQ(run(kThree, {"--max-new-tokens", "2"}).exit_code, 0);
  EXPECT_EQ(run(kThree, {"--max-new-tokens", "2", "--samples", "2"}).exit_code, 3);
}

TEST_F(GenerateCommand, NamesTheRecordThatItCannotContinue) {
  const auto refusal = [&](const std::string& record) {
    const BinaryResult result = run(R"({"tokens": [1]})"
                                    "\n" +
                                        record + "\n",
                                    {"--max-new-tokens", "2"});
    EXPECT_EQ(result.exit_code, 3) << record;
    EXPECT_FALSE(fs::exists(out));
    return result.err;
  };
  EXPECT_NE(refusal(R"({"id": 1})").find("in.jsonl:2"), std::string::npos);
  EXPECT_NE(refusal(R"({"tokens": []})").find("in.jsonl:2: tokens: there are no tokens"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"tokens": [1, 320]})").find("in.jsonl:2: tokens: token 1 is 320"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"prompt": "A fox."})").find("no tokenizer.json"), std::string::npos);
  EXPECT_EQ(run(kThree, {"--top-p", "0"}).exit_code, 2);
  EXPECT_EQ(run(kThree, {}, kGolden / "no_such_model").exit_code, 4);
}

TEST_F(GenerateCommand, WritesTextThinkingAndStory) {
  const fs::path model = folder / "model";
  Json config = Json::parse(golden_text("qwen3_5_tiny/config.json"));
  config["vocab_size"] = 2048;
  config["eos_token_id"] = 2046;
  put_file(folder / "config.json", config.dump());
  ASSERT_EQ(run_polaris({"model", "init", "--config", (folder / "config.json").string(), "--out",
                         model.string()})
                .exit_code,
            0);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    put_file(model / file, golden_text(std::string("tokenizer/") + file));
  const BinaryResult result = run(R"({"id": "p", "prompt": "A story about a fox."})"
                                  "\n"
                                  R"({"id": "m", "messages": [{"role": "user", "content": "Hi"}]})"
                                  "\n",
                                  {"--max-new-tokens", "40", "--ignore-eos"}, model);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto lines = output();
  ASSERT_EQ(lines.size(), 2U);
  put_file(folder / "tokens.jsonl", Json{{"tokens", lines[0]["tokens"]}}.dump() + "\n");
  const BinaryResult decoded =
      run_polaris({"tokens", "--model", model.string(), "--in", (folder / "tokens.jsonl").string(),
                   "--out", "-", "--decode"});
  ASSERT_EQ(decoded.exit_code, 0) << decoded.err;
  EXPECT_EQ(lines[0]["prompt"], "A story about a fox.");
  EXPECT_EQ(lines[0]["text"], lines_of(decoded.out)[0]["text"]);
  for (const auto& line : lines) {
    // A random model never closes its thinking: there is no story.
    EXPECT_TRUE(line["thinking"].is_string());
    EXPECT_EQ(line["story"], "");
    EXPECT_EQ(line["words"], 0);
    EXPECT_EQ(line["words_re"], 0);
  }
  fs::remove(out);
  ASSERT_EQ(run(R"({"prompt": "A fox."})"
                "\n",
                {"--max-new-tokens", "40", "--ignore-eos", "--set", "model.thinking=false"}, model)
                .exit_code,
            0);
  const auto plain = output();
  // Whatever a random model writes: without thinking all of it is the story, up to a stray tag.
  const std::string text = plain[0]["text"].get<std::string>();
  EXPECT_EQ(plain[0]["thinking"].is_null(), text.find("</think>") == std::string::npos) << text;
  EXPECT_FALSE(plain[0]["story"].get<std::string>().empty());
  EXPECT_GT(plain[0]["words"], 0);
}

TEST_F(GenerateCommand, WritesToStandardOutputFromStandardInput) {
  const BinaryResult result =
      run_polaris({"generate", "--model", (kGolden / "llama3_tiny").string(), "--in", "-", "--out",
                   "-", "--max-new-tokens", "3", "--ignore-eos"},
                  R"({"tokens": [1, 2]})"
                  "\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(lines_of(result.out).at(0)["tokens"].size(), 3U);
}

TEST_F(GenerateCommand, RunsInBfloat16) {
  const BinaryResult result =
      run(kThree, {"--max-new-tokens", "3", "--set", "rollout.weight_dtype=\"bfloat16\""});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(output().size(), 3U);
}

}  // namespace
}  // namespace polaris
