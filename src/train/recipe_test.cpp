#include "train/recipe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/fake_ranks.h"
#include "base/jsonl.h"
#include "base/temp_folder.h"
#include "train/batch_record.h"
#include "train/toy_run.h"

namespace polaris {
namespace {

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::vector<Json> lines;
  JsonlReader reader(file, LastLine::kMustBeWhole);
  while (auto line = reader.next()) lines.push_back(std::move(*line));
  return lines;
}

std::int64_t count_of(const Batch& batch, Origin origin) {
  return std::ranges::count(batch.rows, origin, &Row::origin);
}

/// Three prompts a step, groups of four, HRI from step 2 on.
class Recipe : public testing::Test {
 protected:
  Recipe() {
    run.run_dir = folder / "run";
    run.config.data.prompts_per_step = 3;
    run.config.rollout.group_size = 4;
    run.config.train.steps = 6;
    run.config.train.checkpoint_every = 2;
    run.config.train.validate_every = 3;
    run.config.hri.warmup_steps = 2;
    run.prompts = ToyRun::made_up_prompts(9, "train");
    run.validation_prompts = ToyRun::made_up_prompts(2, "val");
    run.on_batch = [this](const Batch& batch) { batches.push_back(batch); };
  }

  std::vector<Json> metrics() { return lines_of(run.run_dir / "metrics.jsonl"); }
  std::vector<Json> rollouts() { return lines_of(run.run_dir / "rollouts.jsonl"); }

  /// The error that start() ends with.
  std::string error_of_start(ErrorCode code) {
    try {
      run.start();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "the run ended without an error";
    return "";
  }

  TempFolder folder;
  ToyRun run;
  std::vector<Batch> batches;
};

TEST_F(Recipe, FirstStepHasNoReferenceAndLaterStepsHaveOnePerGroup) {
  run.start();
  ASSERT_EQ(batches.size(), 6U);
  EXPECT_EQ(count_of(batches[0], Origin::kPolicy), 12);  // weight 0: four policy rollouts
  EXPECT_EQ(count_of(batches[0], Origin::kReference), 0);
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_EQ(count_of(batches[i], Origin::kPolicy), 9);
    EXPECT_EQ(count_of(batches[i], Origin::kReference), 3);
  }
}

TEST_F(Recipe, PublishedShapeIsSixPolicyRowsThenFiveAndOne) {
  run.config.data.prompts_per_step = 8;
  run.config.rollout.group_size = 6;
  run.config.hri = {};
  run.config.train.steps = 2;
  run.prompts = ToyRun::made_up_prompts(16, "train");
  run.start();
  EXPECT_EQ(count_of(batches[0], Origin::kPolicy), 48);
  EXPECT_EQ(count_of(batches[1], Origin::kPolicy), 40);
  EXPECT_EQ(count_of(batches[1], Origin::kReference), 8);
}

TEST_F(Recipe, ThePolicyLearnsAndTheReferencePullsItFurther) {
  run.config.train.steps = 6;
  run.start();
  const double with_reference = run.skill;
  run.run_dir = folder / "without";
  run.config.hri.enabled = false;
  run.start();
  EXPECT_GT(run.skill, ToyPolicy{}.skill);
  EXPECT_GT(with_reference, run.skill);
}

TEST_F(Recipe, PeakWeightZeroIsHriSwitchedOff) {
  run.config.hri.peak_weight = 0.0;
  run.start();
  const double zero = run.skill;
  run.run_dir = folder / "off";
  run.config.hri.enabled = false;
  run.start();
  EXPECT_EQ(zero, run.skill);
}

TEST_F(Recipe, EveryStepSamplesFromTheLatestPolicy) {
  run.start();
  for (const Json& row : rollouts())
    EXPECT_EQ(row["policy_version"].get<int>(), row["step"].get<int>() - 1);
}

TEST_F(Recipe, EachStoryIsJudgedOnce) {
  run.start();
  // 6 steps of 12 rows; two prompts validated before step 1 and at steps 3 and 6
  EXPECT_EQ(run.judge_calls, 6 * 12 + 3 * 2);
}

TEST_F(Recipe, AJudgeFailureIsNeverANumber) {
  run.judge_fault = [](const JudgeRequest& request) -> std::optional<JudgeFailure> {
    if (request.uid == "train-4/1") return JudgeFailure::kTimeout;
    return std::nullopt;
  };
  run.start();
  std::int64_t failed = 0;
  for (const Json& row : rollouts()) {
    if (row["id"] != "train-4" || row["sample"] != 1) continue;
    ++failed;
    EXPECT_TRUE(row["reward"].is_null());
    EXPECT_TRUE(row["parts"]["story_quality"].is_null());
    EXPECT_TRUE(row["advantage"].is_null());
    EXPECT_EQ(row["failure"], "timeout");
  }
  EXPECT_EQ(failed, 2);  // train-4 comes once in each of the two epochs
  std::size_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows.size();
  EXPECT_EQ(rows, 6U * 12 - 2);
  double counted = 0;
  for (const Json& line : metrics()) counted += line.value("judge/failed", 0.0);
  EXPECT_EQ(counted, 2);
}

TEST_F(Recipe, AGroupThatLosesTooManyRowsIsDropped) {
  run.config.train.steps = 2;
  run.config.reward.story_quality_rule.max_failed_fraction = 0.5;
  run.config.data.prompts_per_step = 9;  // every prompt in every step
  run.judge_fault = [](const JudgeRequest& request) -> std::optional<JudgeFailure> {
    const bool lost = request.uid.starts_with("train-4/") && request.uid != "train-4/0" &&
                      request.uid != "train-4/reference";
    if (lost) return JudgeFailure::kUnparseable;
    return std::nullopt;
  };
  run.start();
  EXPECT_EQ(batches[1].rows.size(), 8U * 4);
  for (const Json& line : metrics()) {
    if (line["step"] > 0) {
      EXPECT_EQ(line["group/dropped"], 1.0);
    }
  }
}

TEST_F(Recipe, TooManyFailuresStopTheRunResumably) {
  bool judge_is_down = false;
  run.judge_fault = [&](const JudgeRequest& request) -> std::optional<JudgeFailure> {
    if (judge_is_down && request.uid.starts_with("train")) return JudgeFailure::kTransport;
    return std::nullopt;
  };
  run.on_batch = [&](const Batch& batch) {
    batches.push_back(batch);
    judge_is_down = batches.size() == 3;
  };
  const std::string message = error_of_start(ErrorCode::kGuard);
  EXPECT_NE(message.find("12 of 12 rows have no reward"), std::string::npos) << message;
  EXPECT_NE(message.find("transport"), std::string::npos) << message;
  EXPECT_TRUE(std::filesystem::exists(run.run_dir / "checkpoints/step_3/DONE"));

  judge_is_down = false;
  batches.clear();
  run.on_batch = [this](const Batch& batch) { batches.push_back(batch); };
  run.start();
  EXPECT_EQ(batches.size(), 3U);
  const double resumed = run.skill;
  run.run_dir = folder / "undisturbed";
  run.start();
  EXPECT_EQ(resumed, run.skill);
}

TEST_F(Recipe, AReferenceThatIsLeftOutLeavesThePolicyRows) {
  run.encode_reference = [](const Prompt& prompt) {
    return prompt.id == "train-4" ? std::nullopt : ToyRun::toy_reference(prompt);
  };
  run.config.data.prompts_per_step = 9;
  run.start();
  EXPECT_EQ(count_of(batches[1], Origin::kReference), 8);
  EXPECT_EQ(count_of(batches[1], Origin::kPolicy), 27);
}

TEST_F(Recipe, AllRowsAtTheLowerClampGiveAFiniteUpdateFromTheReference) {
  run.config.reward.clamp = 1e-6;  // every reward is the clamp: no spread anywhere
  run.config.guards.zero_spread_groups = 0.0;
  run.start();
  EXPECT_TRUE(batches[0].rows.empty());
  EXPECT_EQ(batches[1].rows.size(), 3U);
  for (const Row& row : batches[1].rows) {
    EXPECT_EQ(row.origin, Origin::kReference);
    EXPECT_LE(std::abs(row.advantage), 5 * 0.4);
  }
  const auto lines = metrics();
  EXPECT_EQ(lines[1]["update/skipped"], 1.0);
  EXPECT_EQ(lines[1]["group/zero_sd_frac"], 1.0);
}

TEST_F(Recipe, PairMeanGivesEveryRowItsShare) {
  run.config.loss.normaliser = Normaliser::kPairMean;
  run.start();
  double shares = 0.0;
  for (const Row& row : batches[1].rows)
    shares += row.coefficient * static_cast<double>(row.response_tokens.size());
  EXPECT_NEAR(shares * batches[1].step_scale, 1.0, 1e-12);
}

TEST_F(Recipe, EpochsRepeatWithTheNextPermutation) {
  run.start();  // 9 prompts, 3 a step: steps 4-6 are the second epoch
  const auto lines = metrics();
  EXPECT_EQ(lines[3]["training/epoch"], 0.0);
  EXPECT_EQ(lines[4]["training/epoch"], 1.0);
  run.config.train.steps = 0;
  EXPECT_EQ(total_steps(run.config, PromptSource(run.prompts, run.config.data)), 3);
}

TEST_F(Recipe, ValidatesBeforeTheFirstStepEveryNAndAtTheLast) {
  run.config.train.steps = 5;
  run.start();
  std::vector<int> validated;
  for (const Json& line : metrics()) {
    if (line.contains("val-core/all/reward/mean@1")) validated.push_back(line["step"]);
  }
  EXPECT_EQ(validated, (std::vector<int>{0, 3, 5}));

  run.run_dir = folder / "never";
  run.config.train.validate_every = 0;
  run.config.train.validate_first = false;
  run.start();
  for (const Json& line : metrics()) EXPECT_FALSE(line.contains("val-core/all/reward/mean@1"));
}

TEST_F(Recipe, JournalUsesThePublishedNames) {
  run.start();
  const Json line = metrics().back();
  for (const char* name : {"training/global_step",
                           "training/epoch",
                           "actor/lr",
                           "actor/pg_loss",
                           "actor/grad_norm",
                           "actor/entropy",
                           "actor/ppo_kl",
                           "actor/pg_clipfrac",
                           "critic/score/mean",
                           "critic/rewards/max",
                           "critic/advantages/min",
                           "critic/returns/mean",
                           "response_length/mean",
                           "response_length/clip_ratio",
                           "prompt_length/mean",
                           "reward_comp/composite_mean",
                           "reward_comp_policy/story_quality_mean",
                           "reward_comp_gt/self_rep_mean",
                           "hri/gt_reward_mean",
                           "hri/gt_minus_policy_best",
                           "hri/frac_groups_gt_beats_all_policy",
                           "hri_split/gt_reward/mean",
                           "hri_split/policy_advantage/std",
                           "hri_split/policy_positive_adv_frac",
                           "reward/seq_mean_policy",
                           "timing_s/gen",
                           "timing_s/reward",
                           "timing_s/update_actor",
                           "timing_s/testing",
                           "timing_s/step",
                           "mismatch/logprob_abs_mean",
                           "mismatch/ratio_p99",
                           "judge/calls",
                           "judge/failed",
                           "judge/cost_usd",
                           "group/zero_sd_frac",
                           "group/dropped",
                           "hri/weight",
                           "hri/adv_ref_max_abs",
                           "reward/truncated_frac",
                           "update/skipped"})
    EXPECT_TRUE(line.contains(name)) << name;
  EXPECT_NEAR(
      line["hri/gt_reward_mean"].get<double>() - line["hri/policy_reward_mean"].get<double>(),
      line["hri/gt_minus_policy_mean"].get<double>(), 1e-12);
}

TEST_F(Recipe, FinishedRunReturnsAtOnce) {
  run.start();
  batches.clear();
  run.start();
  EXPECT_TRUE(batches.empty());
  EXPECT_EQ(run.judge_calls, 0);
}

TEST_F(Recipe, AnInterruptSavesAndIsResumed) {
  int asked = 0;
  run.interrupted = [&] { return ++asked == 4; };
  const std::string message = error_of_start(ErrorCode::kInterrupted);
  EXPECT_NE(message.find("after step 3"), std::string::npos) << message;
  EXPECT_TRUE(std::filesystem::exists(run.run_dir / "checkpoints/step_3/DONE"));
  run.interrupted = [] { return false; };
  batches.clear();
  run.start();
  EXPECT_EQ(batches.size(), 3U);
}

TEST_F(Recipe, OtherConfigurationIsRefusedWithTheDifferingKeys) {
  run.start();
  run.config.hri.peak_weight = 0.1;
  run.config.rollout.group_size = 5;
  const std::string message = error_of_start(ErrorCode::kInvalidConfig);
  EXPECT_NE(message.find("hri.peak_weight was 0.4, is 0.1"), std::string::npos) << message;
  EXPECT_NE(message.find("rollout.group_size was 4, is 5"), std::string::npos) << message;
}

TEST_F(Recipe, ChangeableKeysMayChange) {
  run.start();
  run.config.train.steps = 8;
  run.config.train.checkpoint_every = 1;
  batches.clear();
  run.start();
  EXPECT_EQ(batches.size(), 2U);

  run.config.optimizer.schedule = Schedule::kCosine;  // then the length is part of the schedule
  run.run_dir = folder / "cosine";
  run.start();
  run.config.train.steps = 9;
  EXPECT_NE(error_of_start(ErrorCode::kInvalidConfig).find("train.steps"), std::string::npos);
}

TEST_F(Recipe, KeepsTheNewestCheckpointsAndTheBestWhichIsLinked) {
  run.config.train.keep_checkpoints = 2;
  run.start();
  std::vector<std::string> names;
  for (const auto& entry : real_file_system().list(run.run_dir / "checkpoints"))
    names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"best", "step_4", "step_6"}));
  EXPECT_EQ(std::filesystem::read_symlink(run.run_dir / "checkpoints/best").string(), "step_6");
}

TEST_F(Recipe, AnAlarmThatStaysOnStopsTheRunResumably) {
  run.config.reward.clamp = 1e-6;
  const std::string reason = error_of_start(ErrorCode::kGuard);
  EXPECT_NE(reason.find("stopped after step 3: group/zero_sd_frac was above"), std::string::npos)
      << reason;
  EXPECT_TRUE(is_complete_folder(run.run_dir / "checkpoints/step_3"));

  // The alarm is still on: one more step, counted from the journal, is enough.
  EXPECT_NE(error_of_start(ErrorCode::kGuard).find("after step 4"), std::string::npos);
  run.config.guards.patience = 0;  // may change on the way
  run.start();
  EXPECT_EQ(metrics().size(), 7U);
}

TEST_F(Recipe, KeepsWeightsAndBatchesWhenAsked) {
  run.config.train.keep_weights_every = 4;
  run.config.train.record_batches = true;
  run.start();
  EXPECT_TRUE(is_complete_folder(run.run_dir / "weights/step_4"));
  EXPECT_FALSE(std::filesystem::exists(run.run_dir / "weights/step_6"));
  const auto recorded = lines_of(run.run_dir / "batches.jsonl");
  ASSERT_EQ(recorded.size(), batches.size());
  EXPECT_EQ(recorded[1], batch_record(batches[1].rows));
}

TEST_F(Recipe, KeepsTheStoriesOfEveryValidation) {
  run.start();
  for (const int step : {0, 3, 6}) {
    const auto stories = lines_of(run.run_dir / fmt::format("validation/step_{}.jsonl", step));
    EXPECT_EQ(stories.size(), 2U);
  }
}

TEST_F(Recipe, TwoProcessesDoNotShareARunDirectory) {
  const RunDirectory first(run.run_dir, run.config, real_file_system(), nullptr);
  EXPECT_NE(error_of_start(ErrorCode::kIo).find("another process"), std::string::npos);
}

/// Runs `start` on a copy of the run for every rank, each on a thread of its own.
void on_ranks_of(const ToyRun& run, int size,
                 const std::function<void(ToyRun& own, int rank)>& start) {
  FakeRendezvous rendezvous(size, 30);
  on_threads(rendezvous, [&](int rank) {
    FakeRanks ranks(rendezvous, rank);
    ToyRun own = run;
    own.ranks = &ranks;
    own.on_batch = {};
    start(own, rank);
  });
}

TEST_F(Recipe, RanksShareTheWorkAndWriteWhatOneProcessWrites) {
  run.start();
  const auto alone = rollouts();
  const auto metrics_alone = metrics();
  for (const int size : {2, 3, 5}) {
    run.run_dir = folder / fmt::format("ranks-{}", size);
    std::atomic<std::int64_t> calls = 0;
    on_ranks_of(run, size, [&](ToyRun& own, int /*rank*/) {
      own.start();
      EXPECT_GT(own.judge_calls, 0);
      calls += own.judge_calls;
    });
    EXPECT_EQ(rollouts(), alone);
    EXPECT_EQ(calls, 6 * 12 + 3 * 2);  // no story twice
    for (std::size_t i = 0; i < metrics_alone.size(); ++i) {
      for (const char* name : {"critic/score/mean", "judge/calls", "actor/pg_loss"}) {
        if (i == 0) continue;  // validation only
        EXPECT_EQ(metrics()[i].at(name), metrics_alone[i].at(name)) << name;
      }
      EXPECT_EQ(metrics()[i].value(kValidationReward, Json()),
                metrics_alone[i].value(kValidationReward, Json()));
    }
  }
}

TEST_F(Recipe, RanksComeAndGoBetweenStarts) {
  run.start();
  const auto expected = rollouts();
  run.run_dir = folder / "changing";
  for (const int size : {1, 2, 3, 1}) {
    std::atomic<int> interrupted = 0;
    on_ranks_of(run, size, [&](ToyRun& own, int rank) {
      int steps = 0;
      if (rank == size - 1) own.interrupted = [&] { return ++steps > 2; };  // one is told, all stop
      try {
        own.start();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInterrupted) << error.what();
        ++interrupted;
      }
    });
    EXPECT_TRUE(interrupted == size || interrupted == 0) << interrupted;
  }
  EXPECT_EQ(rollouts(), expected);
}

}  // namespace
}  // namespace polaris
