// What the loop costs beside model and judge.
#include <benchmark/benchmark.h>

#include "base/temp_folder.h"
#include "train/rollout_log.h"
#include "train/toy_run.h"

namespace polaris {
namespace {

/// A step of the published shape, all responses at the limit.
std::vector<ScoredGroup> full_step() {
  std::vector<ScoredGroup> groups;
  for (int g = 0; g < 8; ++g) {
    ScoredGroup& group = groups.emplace_back();
    group.group.prompt = {.id = fmt::format("prompt-{}", g), .tokens = {1, 2, 3}};
    for (int i = 0; i < 6; ++i) {
      Rollout rollout;
      for (int t = 0; t < 8192; ++t) {
        rollout.tokens.push_back((t * 7919 + i) % 248320);
        rollout.logprobs.push_back(-0.001F * static_cast<float>(t % 4000));
      }
      rollout.sampled_logprobs = rollout.logprobs;
      rollout.text = std::string(40000, 'x');
      group.group.rollouts.push_back(std::move(rollout));
      group.scores.push_back({.reward = 0.01 * (i + g)});
    }
  }
  return groups;
}

/// Configuration to last checkpoint with stand-ins; files and their syncs included.
void whole_toy_run(benchmark::State& state) {
  for (auto _ : state) {
    const TempFolder folder;
    ToyRun run{.run_dir = folder / "run",
               .prompts = ToyRun::made_up_prompts(32, "train"),
               .validation_prompts = ToyRun::made_up_prompts(8, "val")};
    run.config.train.steps = 20;
    run.start();
  }
  state.counters["steps"] = benchmark::Counter(20.0 * static_cast<double>(state.iterations()),
                                               benchmark::Counter::kIsRate);
}
BENCHMARK(whole_toy_run)->Unit(benchmark::kMillisecond);

void advantages_and_rows(benchmark::State& state) {
  const auto groups = full_step();
  for (auto _ : state) benchmark::DoNotOptimize(build_batch(groups, {.hri_weight = 0.4}));
}
BENCHMARK(advantages_and_rows)->Unit(benchmark::kMillisecond);

void write_rollouts(benchmark::State& state) {
  const TempFolder folder;
  const auto groups = full_step();
  const auto outcomes = build_batch(groups, {}).groups;
  RolloutLog log(folder / "rollouts.jsonl", 0, 1, real_file_system());
  std::int64_t step = 0;
  for (auto _ : state) log.write(++step, groups, outcomes);
  state.SetBytesProcessed(static_cast<std::int64_t>(log.offset()));
}
BENCHMARK(write_rollouts)->Unit(benchmark::kMillisecond);

void read_recorded_step(benchmark::State& state) {
  const TempFolder folder;
  const auto file = folder / "rollouts.jsonl";
  const auto groups = full_step();
  RolloutLog(file, 0, 1, real_file_system()).write(1, groups, build_batch(groups, {}).groups);
  std::vector<Prompt> prompts;
  for (const ScoredGroup& group : groups) prompts.push_back(group.group.prompt);
  for (auto _ : state) {
    RolloutLog log(file, 0, 1, real_file_system());
    benchmark::DoNotOptimize(groups_of_rows(*log.take(1), 1, prompts));
  }
}
BENCHMARK(read_recorded_step)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace polaris
