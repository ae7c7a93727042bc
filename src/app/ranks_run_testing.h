// Several ranks of one training, as processes of the built program.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "app/real_run_testing.h"
#include "base/jsonl.h"

namespace polaris {

class RanksRun : public testing::Test {
 protected:
  std::vector<std::string> train(const std::string& name, int ranks) const {
    return {"train",   config.string(),           "--run-dir", (folder / name).string(),
            "--ranks", std::to_string(ranks),     "--threads", "1",
            "--set",   "distributed.timeout_s=60"};
  }
  void finish(const std::string& name, int ranks) const {
    const BinaryResult result = run_polaris(train(name, ranks));
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  }
  std::vector<Json> lines(const std::string& name, const char* file) const {
    std::vector<Json> lines;
    JsonlReader reader(folder / name / file, LastLine::kMustBeWhole);
    while (auto line = reader.next()) lines.push_back(std::move(*line));
    return lines;
  }
  std::vector<Json> rollouts(const std::string& name) const {
    return lines(name, "rollouts.jsonl");
  }

  const TempFolder folder;
  const std::filesystem::path config = small_run_config(folder.path());
};

}  // namespace polaris
