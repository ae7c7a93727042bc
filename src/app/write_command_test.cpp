#include <gtest/gtest.h>

#include "app/binary_testing.h"
#include "base/assets.h"

namespace polaris {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \n");
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(" \n") + 1 - begin);
}

class WriteCommand : public testing::Test {
 protected:
  BinaryResult write(const std::string& prompt, std::vector<std::string> more,
                     const std::string& input = "") const {
    std::vector<std::string> arguments = {"write", prompt, "--model", model};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments, input);
  }

  const TempFolder folder;
  const std::string model = find_asset("tiny").string();
  const std::string out = (folder / "story.txt").string();
};

TEST_F(WriteCommand, ShowsAndSavesTheStoryThatGenerateWrites) {
  const BinaryResult result =
      write("A ship", {"--words", "20", "--seed", "3", "--preset", "train", "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string written = trimmed(real_file_system().read(out));
  EXPECT_GT(written.size(), 100U);
  EXPECT_EQ(trimmed(result.out), written);
  EXPECT_NE(result.err.find(" of 20 wanted"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("seed 3"), std::string::npos) << result.err;

  put_file(folder / "in.jsonl",
           R"({"id": "write", "prompt": "A ship. The story should be 20 words long."})"
           "\n");
  const std::string file = (folder / "out.jsonl").string();
  const BinaryResult generated =
      run_polaris({"generate", "--model", model, "--in", (folder / "in.jsonl").string(), "--out",
                   file, "--seed", "3", "--max-new-tokens", "1700"});
  ASSERT_EQ(generated.exit_code, 0) << generated.err;
  const std::string story = lines_of(real_file_system().read(file)).at(0)["story"];
  EXPECT_EQ(std::string_view(story).substr(0, written.size()), written);
}

TEST_F(WriteCommand, ReadsThePromptAndItsLengthFromStandardInput) {
  const BinaryResult result = write("-", {"--thinking", "show"}, "A 15-word story about a ship.\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find(" of plan"), std::string::npos) << result.err;
  const BinaryResult empty = write("-", {}, " \n");
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_NE(empty.err.find("the prompt is empty"), std::string::npos) << empty.err;
}

TEST_F(WriteCommand, RefusesWhatTheContextCannotHoldAndSaysWhatItCan) {
  const BinaryResult result = write("A ship", {"--words", "20000"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("the model's context is 16384"), std::string::npos) << result.err;
  const std::size_t most = result.err.find("at most ");
  ASSERT_NE(most, std::string::npos) << result.err;
  const int words = std::stoi(result.err.substr(most + 8));
  EXPECT_GT(words, 1000);
  EXPECT_NE(write("A ship", {"--words", std::to_string(2 * words)}).exit_code, 0);
}

TEST_F(WriteCommand, RefusesToPenaliseTheSameTokensTwice) {
  const BinaryResult result =
      write("A ship", {"--words", "20", "--set", "rollout.presence_penalty=0.5"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("repetition_penalty"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace polaris
