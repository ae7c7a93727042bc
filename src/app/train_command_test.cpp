#include <gtest/gtest.h>

#include "app/binary_testing.h"

namespace polaris {
namespace {

const std::string kConfig = POLARIS_SOURCE_DIR "/configs/rehearsal.toml";

std::vector<std::string> rehearsal(const std::filesystem::path& run_dir) {
  return {"train", kConfig, "--run-dir", run_dir.string(), "--rehearsal"};
}

TEST(TrainCommand, RehearsalRunsFromConfigurationToCheckpoint) {
  const TempFolder folder;
  auto arguments = rehearsal(folder / "a run");
  arguments.insert(arguments.end(), {"--set", "train.steps=6"});
  const BinaryResult result = run_polaris(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("step 6/6  reward "), std::string::npos) << result.out;
  EXPECT_TRUE(std::filesystem::exists(folder / "a run/checkpoints/step_6/DONE"));
  EXPECT_TRUE(std::filesystem::exists(folder / "a run/config.toml"));

  const BinaryResult again = run_polaris(arguments);  // a finished run
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.out.find("step 1/6"), std::string::npos);
}

TEST(TrainCommand, ARunDirectoryOfAnotherConfigurationIsRefused) {
  const TempFolder folder;
  auto arguments = rehearsal(folder / "run");
  arguments.insert(arguments.end(), {"--set", "train.steps=2"});
  ASSERT_EQ(run_polaris(arguments).exit_code, 0);
  arguments.insert(arguments.end(), {"--seed", "5"});
  const BinaryResult result = run_polaris(arguments);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("seed was 3479, is 5"), std::string::npos) << result.err;
}

TEST(TrainCommand, WithoutAModelItSaysWhichKeyToSet) {
  const TempFolder folder;
  const BinaryResult result =
      run_polaris({"train", kConfig, "--run-dir", (folder / "run").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("model.path"), std::string::npos) << result.err;
}

TEST(TrainCommand, ChecksEveryShippedConfiguration) {
  for (const char* name : {"polaris_9b", "polaris_9b_paper", "no_hri", "demo", "starter"}) {
    const BinaryResult result = run_polaris(
        {"train", fmt::format("{}/configs/{}.toml", POLARIS_SOURCE_DIR, name), "--check"});
    EXPECT_EQ(result.exit_code, 0) << name << ": " << result.err;
    EXPECT_NE(result.out.find("memory plan"), std::string::npos) << name;
  }
  for (const char* name : {"llama3_8b_lora", "qwen3_5_9b_lora"}) {
    const BinaryResult result =
        run_polaris({"train", fmt::format("{}/configs/{}.toml", POLARIS_SOURCE_DIR, name),
                     "--check", "--plan-for", "cuda:24GB"});
    EXPECT_EQ(result.exit_code, 0) << name << ": " << result.err;
    EXPECT_NE(result.out.find("parameters of adapters are trained"), std::string::npos) << name;
  }
  const BinaryResult small = run_polaris({"train", POLARIS_SOURCE_DIR "/configs/polaris_9b.toml",
                                          "--check", "--plan-for", "cuda:80GB"});
  EXPECT_EQ(small.exit_code, 6);
}

TEST(TrainCommand, MissingDataAndUnwritableFoldersAreNamed) {
  const TempFolder folder;
  auto arguments = rehearsal(folder / "run");
  arguments.insert(arguments.end(), {"--set", "data.train=absent.jsonl"});
  BinaryResult result = run_polaris(arguments);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find("absent.jsonl"), std::string::npos) << result.err;

  put_file(folder / "file", "in the way");
  result = run_polaris(rehearsal(folder / "file"));
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find((folder / "file").string()), std::string::npos) << result.err;
}

TEST(ConfigCommand, ShownConfigurationIsAcceptedAgain) {
  const TempFolder folder;
  const BinaryResult shown = run_polaris({"config", "show", kConfig});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_NE(shown.out.find("[default: 0]"), std::string::npos);
  put_file(folder / "shown.toml", shown.out);
  const BinaryResult again = run_polaris({"config", "show", (folder / "shown.toml").string()});
  EXPECT_EQ(again.out, shown.out);
  EXPECT_EQ(run_polaris({"config", "check", (folder / "shown.toml").string()}).exit_code, 0);
}

TEST(ConfigCommand, CheckNamesFileLineAndTheNearestKey) {
  const TempFolder folder;
  const auto file = folder / "bad.toml";
  put_file(file, "seed = 1\n[hri]\npeak_wieght = 0.3\n");
  const BinaryResult result = run_polaris({"config", "check", file.string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, fmt::format("polaris: {}:3: unknown key hri.peak_wieght; did you mean "
                                    "hri.peak_weight?\n",
                                    file.string()));
  put_file(file, "[rollout.remote]\nmodel = \"m\"\n");
  EXPECT_NE(run_polaris({"config", "check", file.string()}).out.find("rollout.engine = local"),
            std::string::npos);
  EXPECT_EQ(run_polaris({"config", "check", (folder / "absent.toml").string()}).exit_code, 4);
}

TEST(CommandLine, WrongFlagsAreAConfigurationErrorAndHelpIsNot) {
  EXPECT_EQ(run_polaris({}).exit_code, 2);
  EXPECT_EQ(run_polaris({"tarin"}).exit_code, 2);
  EXPECT_EQ(run_polaris({"train", kConfig, "--run-dir"}).exit_code, 2);
  EXPECT_EQ(run_polaris({"config", "show", "--sett", "a=b"}).exit_code, 2);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"train"}, {"config", "show"}, {"config", "check"}, {"data", "check"}, {"tokens"}}) {
    auto arguments = command;
    arguments.emplace_back("--help");
    const BinaryResult help = run_polaris(arguments);
    EXPECT_EQ(help.exit_code, 0);
    const std::size_t example = help.out.find("\nExample");
    ASSERT_NE(example, std::string::npos) << help.out;
    EXPECT_NE(help.out.find("polaris " + command[0], example), std::string::npos) << help.out;
  }
  const BinaryResult version = run_polaris({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_NE(version.out.find("libtorch       2."), std::string::npos) << version.out;
}

}  // namespace
}  // namespace polaris
