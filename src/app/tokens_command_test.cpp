#include <gtest/gtest.h>

#include "app/binary_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const std::string kModel = std::string(POLARIS_GOLDEN_DIR) + "/tokenizer";

class TokensCommand : public testing::Test {
 protected:
  /// Runs the command over a file with this content.
  BinaryResult run(const std::string& input, std::vector<std::string> more = {},
                   const std::string& model = kModel) const {
    put_file(in, input);
    std::vector<std::string> arguments = {"tokens",    "--model", model,       "--in",
                                          in.string(), "--out",   out.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }

  std::vector<OrderedJson> output() const { return lines_of(real_file_system().read(out)); }

  const TempFolder folder;
  const fs::path in = folder / "in.jsonl";
  const fs::path out = folder / "out.jsonl";
};

TEST_F(TokensCommand, EncodesEveryGoldenText) {
  ASSERT_EQ(run(golden_text("tokenizer/encode.jsonl")).exit_code, 0);
  const auto records = output();
  EXPECT_EQ(records.size(), 620U);
  for (const OrderedJson& record : records) {
    EXPECT_EQ(record["tokens"], record["ids"]) << record["text"];
    EXPECT_EQ(record["count"], record["ids"].size());
  }
}

TEST_F(TokensCommand, RendersAndEncodesEveryGoldenChat) {
  std::string input;
  for (OrderedJson& row : lines_of(golden_text("tokenizer/chat.jsonl"))) {
    if (row.contains("error")) continue;
    // Without a template of its own the model counts as one of those that think by default.
    if (row["template"] == "default_off" && row["enable_thinking"].is_null())
      row["enable_thinking"] = false;
    input += row.dump() + "\n";
  }
  const BinaryResult result = run(input);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("note: the model has no chat template: qwen3_5"), std::string::npos);
  const auto records = output();
  EXPECT_EQ(records.size(), 104U);
  for (const OrderedJson& record : records) {
    EXPECT_EQ(record["text"], record["rendered"]);
    EXPECT_EQ(record["tokens"], record["ids_tiny2048"]) << record["rendered"];
  }
}

TEST_F(TokensCommand, DecodesEveryGoldenListOfIds) {
  std::string input;
  for (OrderedJson& row : lines_of(golden_text("tokenizer/decode.jsonl")))
    input += OrderedJson{{"tokens", row["ids"]}, {"expected", row["text"]}}.dump() + "\n";
  ASSERT_EQ(run(input, {"--decode"}).exit_code, 0);
  const auto records = output();
  EXPECT_EQ(records.size(), 60U);
  for (const OrderedJson& record : records) EXPECT_EQ(record["text"], record["expected"]);
}

TEST_F(TokensCommand, PassesFieldsThroughInTheirOrderAndType) {
  ASSERT_EQ(run("{\"z\":{\"b\":1,\"a\":[null,1.5]},\"id\":7,\"text\":\"a\",\"k\":\"\xC3\xA9\"}\n"
                "\n{\"id\":\"7\",\"tokens\":[64,64]}\n")
                .exit_code,
            0);
  EXPECT_EQ(real_file_system().read(out),
            "{\"z\":{\"b\":1,\"a\":[null,1.5]},\"id\":7,\"text\":\"a\",\"k\":\"\xC3\xA9\","
            "\"tokens\":[64],\"count\":1}\n"
            "{\"id\":\"7\",\"tokens\":[64,64],\"count\":2}\n");
}

TEST_F(TokensCommand, ReadsItsOwnOutputBack) {
  ASSERT_EQ(run(R"({"text": "the sea"})").exit_code, 0);
  OrderedJson record = output().at(0);
  record["text"] = "overwritten by --decode";
  ASSERT_EQ(run(record.dump(), {"--decode"}).exit_code, 0);
  EXPECT_EQ(output().at(0)["text"], "the sea");
}

TEST_F(TokensCommand, ReadsStandardInputAndWritesStandardOutput) {
  const BinaryResult result =
      run_polaris({"tokens", "--model", kModel + "/tokenizer.json", "--in", "-", "--out", "-"},
                  R"({"text":"a"})");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "{\"text\":\"a\",\"tokens\":[64],\"count\":1}\n");
}

TEST_F(TokensCommand, ABadRecordIsNamedAndLeavesTheOldOutputAlone) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"text\":\"a\"}\n{\"text\":", "in.jsonl:2: not JSON"},
      {"[1]", "in.jsonl:1: the line does not hold an object"},
      {"{\"id\":1}", "in.jsonl:1: the record has neither"},
      {"{\"text\":5}", "in.jsonl:1: \"text\" is not a string"},
      {"{\"text\":\"\xFF\"}", "in.jsonl:1: not JSON"},
      {"{\"tokens\":[1,-2]}", "in.jsonl:1: \"tokens\"[1] is not a token id"},
      {"{\"tokens\":[2147483648]}", "in.jsonl:1: \"tokens\"[0] is not a token id"},
      {"{\"tokens\":\"1\"}", "in.jsonl:1: \"tokens\" is not a list"},
      {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"enable_thinking\":1}",
       "in.jsonl:1: \"enable_thinking\" is not true or false"},
      {"{\"messages\":[{\"content\":\"a\"}]}", "in.jsonl:1: message 1 has no \"role\""},
  };
  put_file(out, "old\n");
  for (const auto& [input, message] : cases) {
    const BinaryResult result = run(input);
    EXPECT_EQ(result.exit_code, 3) << input;
    EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
    EXPECT_EQ(real_file_system().read(out), "old\n");
  }
  EXPECT_EQ(run("{\"tokens\":[99999]}", {"--decode"}).exit_code, 3);
  EXPECT_EQ(real_file_system().list(folder.path()).size(), 2U) << "no temporary file is left";
}

TEST_F(TokensCommand, RefusesAConversationThatTheTemplateRefuses) {
  int refused = 0;
  for (const OrderedJson& row : lines_of(golden_text("tokenizer/chat.jsonl"))) {
    if (!row.contains("error") || row["template"] != "default_on") continue;
    const BinaryResult result = run(row.dump());
    EXPECT_EQ(result.exit_code, 3) << row;
    EXPECT_NE(result.err.find("in.jsonl:1: "), std::string::npos) << result.err;
    ++refused;
  }
  EXPECT_GT(refused, 0);
}

TEST_F(TokensCommand, NeedsANameForAChatTemplateItDoesNotKnow) {
  const fs::path model = folder / "model";
  fs::create_directory(model);
  fs::copy_file(kModel + "/tokenizer.json", model / "tokenizer.json");
  put_file(model / "chat_template.jinja", "{{ messages }}");
  const std::string chat = R"({"messages": [{"role": "user", "content": "a"}]})";
  const BinaryResult refused = run(chat, {}, model);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("--chat-template NAME"), std::string::npos) << refused.err;
  EXPECT_EQ(run(R"({"text": "a"})", {}, model).exit_code, 0) << "text needs no template";
  ASSERT_EQ(run(chat, {"--chat-template", "chatml"}, model).exit_code, 0);
  EXPECT_EQ(output().at(0)["text"], "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(run(chat, {"--chat-template", "mine"}, model).exit_code, 2);
}

// The pipe keeps time: the shell's opening of it returns once the program reads, which then watches
// for signals; the line behind the signal is read after it.
TEST_F(TokensCommand, AnInterruptLeavesTheOldOutputAlone) {
  put_file(out, "old\n");
  put_file(folder / "script",
           fmt::format(R"(cd '{}' && mkfifo pipe
'{}' tokens --model '{}' --in pipe --out '{}' 2>err &
exec 3>pipe; echo '{{"text":"a"}}' >&3; kill -TERM $!; echo '{{"text":"b"}}' >&3
exec 3>&-; wait $!)",
                       folder.path().string(), POLARIS_BINARY, kModel, out.string()));
  const int status = std::system(("timeout 60 sh " + (folder / "script").string()).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_EQ(real_file_system().read(out), "old\n");
  const std::string message = real_file_system().read(folder / "err");
  EXPECT_NE(message.find("is not written"), std::string::npos) << message;
  for (const FolderEntry& entry : real_file_system().list(folder.path()))
    EXPECT_EQ(entry.name.find(".tmp"), std::string::npos) << entry.name;
}

TEST_F(TokensCommand, MissingFilesAreIoErrors) {
  const std::string text = R"({"text": "a"})";
  EXPECT_EQ(run(text, {}, folder / "no_model").exit_code, 4);
  EXPECT_EQ(
      run_polaris({"tokens", "--model", kModel, "--in", folder / "none", "--out", out}).exit_code,
      4);
  EXPECT_EQ(run_polaris({"tokens", "--model", kModel, "--in", in, "--out", folder / "no/where"})
                .exit_code,
            4);
  EXPECT_EQ(run_polaris({"tokens", "--model", kModel, "--in", in}).exit_code, 2);
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace polaris
