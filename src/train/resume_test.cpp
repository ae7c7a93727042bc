// What a killed run leaves, and what the next start makes of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "base/error.h"
#include "base/faulty_file_system.h"
#include "base/jsonl.h"
#include "base/temp_folder.h"
#include "train/toy_run.h"

namespace polaris {
namespace {

ToyRun small_run(const std::filesystem::path& run_dir) {
  ToyRun run{.run_dir = run_dir,
             .prompts = ToyRun::made_up_prompts(4, "train"),
             .validation_prompts = ToyRun::made_up_prompts(1, "val")};
  run.config.data.prompts_per_step = 2;
  run.config.rollout.group_size = 3;
  run.config.train.steps = 4;
  run.config.train.checkpoint_every = 2;
  run.config.train.keep_checkpoints = 1;
  run.config.train.validate_every = 3;
  run.config.hri.warmup_steps = 1;
  return run;
}

std::string read(const std::filesystem::path& file) { return real_file_system().read(file); }

/// metrics.jsonl without what clock and machine decide.
std::vector<Json> metrics_without_times(const std::filesystem::path& run_dir) {
  std::vector<Json> lines;
  JsonlReader reader(run_dir / "metrics.jsonl", LastLine::kMustBeWhole);
  while (auto line = reader.next()) {
    for (auto item = line->begin(); item != line->end();) {
      const bool varies =
          std::ranges::any_of(std::array{"timing_s/", "judge/", "perf/", "cost/"},
                              [&](const char* prefix) { return item.key().starts_with(prefix); });
      item = varies ? line->erase(item) : std::next(item);
    }
    lines.push_back(std::move(*line));
  }
  return lines;
}

void expect_same_result(const std::filesystem::path& run_dir,
                        const std::filesystem::path& undisturbed) {
  const std::string state = "checkpoints/step_4/toy_learner.json";
  EXPECT_EQ(read(run_dir / state), read(undisturbed / state));
  EXPECT_EQ(read(run_dir / "rollouts.jsonl"), read(undisturbed / "rollouts.jsonl"));
  EXPECT_EQ(metrics_without_times(run_dir), metrics_without_times(undisturbed));
}

// Every operation on files of a whole run (checkpoints, journals, configuration) is let crash and
// let fail, each followed by four kinds of power cut; every time the next start goes on to the
// same bytes.
TEST(Resume, AKillOrAFullDiskAtAnyMomentLeavesAResumableRun) {
  const TempFolder reference;
  small_run(reference / "run").start();
  const std::int64_t rounds =
      for_every_fault([](const std::filesystem::path&) {},
                      [](const std::filesystem::path& folder, FileSystem& files) {
                        ToyRun run = small_run(folder / "run");
                        run.files = &files;
                        run.start();
                      },
                      [&](const std::filesystem::path& folder, const Aftermath& aftermath) {
                        SCOPED_TRACE(aftermath.description);
                        small_run(folder / "run").start();
                        expect_same_result(folder / "run", reference / "run");
                      });
  EXPECT_GT(rounds, 500);
}

TEST(Resume, RecordedStepsAreReplayedNotSampledOrJudgedAgain) {
  const TempFolder folder;
  ToyRun run = small_run(folder / "run");
  int updates = 0;
  run.on_batch = [&](const Batch&) {
    if (++updates == 4) throw std::runtime_error("killed within the update of step 4");
  };
  EXPECT_THROW(run.start(), std::runtime_error);

  // Checkpoint 3, the best so far, is there; step 4 was recorded behind it.
  ToyRun again = small_run(folder / "run");
  again.start();
  EXPECT_EQ(again.judge_calls, 1);  // the validation of step 4
  const TempFolder undisturbed;
  small_run(undisturbed / "run").start();
  expect_same_result(folder / "run", undisturbed / "run");
}

TEST(Resume, AHalfRecordedStepIsMadeAgain) {
  const TempFolder folder;
  ToyRun run = small_run(folder / "run");
  int updates = 0;
  run.on_batch = [&](const Batch&) {
    if (++updates == 3) throw std::runtime_error("killed");
  };
  EXPECT_THROW(run.start(), std::runtime_error);
  // The last two lines of step 3 were not written, and the one before is torn.
  const auto log = folder / "run/rollouts.jsonl";
  std::string text = read(log);
  for (int i = 0; i < 2; ++i) text.resize(text.rfind('\n', text.size() - 2) + 1);
  text.resize(text.size() - 10);
  std::ofstream(log, std::ios::binary) << text;

  ToyRun again = small_run(folder / "run");
  again.start();
  EXPECT_EQ(again.judge_calls, 6 + 6 + 2);
  const TempFolder undisturbed;
  small_run(undisturbed / "run").start();
  expect_same_result(folder / "run", undisturbed / "run");
}

TEST(Resume, OtherPromptsBehindARecordedStepAreRefused) {
  const TempFolder folder;
  ToyRun run = small_run(folder / "run");
  run.on_batch = [](const Batch&) { throw std::runtime_error("killed"); };
  EXPECT_THROW(run.start(), std::runtime_error);
  ToyRun again = small_run(folder / "run");
  again.prompts = ToyRun::made_up_prompts(4, "other");
  try {
    again.start();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("other prompts"), std::string::npos) << e.what();
  }
}

TEST(Resume, ALogThatIsNotOursIsNamedWithItsLine) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "run");
  std::ofstream(folder / "run/rollouts.jsonl") << "{\"step\":1}\n";
  try {
    small_run(folder / "run").start();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("rollouts.jsonl:1"), std::string::npos) << e.what();
  }
}

TEST(Resume, ADamagedCursorSaysWhatToRemove) {
  const TempFolder folder;
  small_run(folder / "run").start();
  std::ofstream(folder / "run/checkpoints/step_4/cursor.json") << "{}";
  ToyRun again = small_run(folder / "run");
  again.config.train.steps = 5;
  try {
    again.start();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("step_4/cursor.json"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace polaris
