#include <gtest/gtest.h>

#include "app/binary_testing.h"

namespace polaris {
namespace {

const std::string kTrain = POLARIS_SOURCE_DIR "/data/starter/train.jsonl";

BinaryResult check(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"data", "check"});
  return run_polaris(arguments);
}

TEST(DataCheckCommand, FindsTheStarterSetInOrder) {
  const BinaryResult result = check({kTrain, "--model", POLARIS_GOLDEN_DIR "/tokenizer"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("records                            38\n"), std::string::npos);
  EXPECT_NE(result.out.find("reference lengths in tokens: 1378 to 7924"), std::string::npos);
}

TEST(DataCheckCommand, ListsEveryProblemAndExitsWithThree) {
  const TempFolder folder;
  const auto file = (folder / "a.jsonl").string();
  put_file(file,
           "{\"prompt\":\"a\",\"id\":1}\n{\"prompt\":2}\n{\"prompt\":\"b\",\"id\":1}\n"
           "{\"prompt\":\"c\",\"story\":\"S\"}\n{\"prompt\":\"d\",\"story\":\"<think>\"}\n{");
  const BinaryResult result = check({file});
  EXPECT_EQ(result.exit_code, 3);
  for (const char* line : {":2: ", ":3: ", ":4: ", ":5: ", ":6: "})
    EXPECT_NE(result.out.find(file + line), std::string::npos) << line << result.out;
  EXPECT_EQ(result.err, "polaris: " + file + ": 5 problems, listed above\n");
}

TEST(DataCheckCommand, ChecksForTheConfigurationItIsGiven) {
  const TempFolder folder;
  const auto file = (folder / "a.jsonl").string();
  const auto config = (folder / "c.toml").string();
  put_file(file, "{\"prompt\":\"a\",\"story\":\"S\"}\n");
  put_file(config, "[model]\npath = \"not/here\"\nthinking = false\n");
  EXPECT_EQ(check({file}).exit_code, 3);
  EXPECT_EQ(check({file, "--set", "hri.enabled=false"}).exit_code, 0);
  const BinaryResult result = check({file, "--config", config});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("note: no lengths in tokens: "), std::string::npos) << result.out;
}

TEST(DataCheckCommand, RefusesWhatItCannotRead) {
  const BinaryResult packed = check({POLARIS_SOURCE_DIR "/data/corpus/stories.jsonl.gz"});
  EXPECT_EQ(packed.exit_code, 3);
  EXPECT_NE(packed.err.find("gunzip -k"), std::string::npos) << packed.err;
  EXPECT_EQ(check({"no/such/file.jsonl"}).exit_code, 4);
  EXPECT_EQ(check({POLARIS_SOURCE_DIR "/data"}).exit_code, 4);
  EXPECT_EQ(check({kTrain, "--set", "data.nonsense=1"}).exit_code, 2);
  EXPECT_EQ(check({}).exit_code, 2);
}

TEST(CommandHelp, ShowsAnExample) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"tokens"}, {"data", "check"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    const BinaryResult result = run_polaris(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.out.find("Example: polaris " + command[0]), std::string::npos) << result.out;
  }
}

}  // namespace
}  // namespace polaris
