#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "app/rank_setup.h"
#include "app/resumable.h"
#include "app/summary_text.h"
#include "app/train_check.h"
#include "base/available_memory.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/strings.h"
#include "data/story_dataset.h"
#include "data/story_reader.h"
#include "train/toy_run.h"

namespace polaris {
namespace {

struct TrainArgs {
  ConfigOptions config;
  std::string run_dir;
  bool rehearsal = false;
  bool check = false;
  std::string plan_for;
  int ranks = 1;
};

/// The prompts of a data file, for a policy that does not read them.
std::vector<Prompt> rehearsal_prompts(const std::filesystem::path& file) {
  std::vector<Prompt> prompts;
  StoryReader reader(file);
  while (const auto record = reader.next()) prompts.push_back(unrendered_prompt(*record));
  return prompts;
}

/// The loop with stand-ins for model and judge.
void rehearse(const RunConfig& config, const TrainArgs& args) {
  std::cout << "rehearsal: a one-parameter policy and a stand-in judge, no model is loaded\n";
  ToyRun{
      .config = config,
      .run_dir = args.run_dir,
      .prompts = rehearsal_prompts(find_input(config.data.train, args.config.file)),
      .validation_prompts = rehearsal_prompts(find_input(config.data.validation, args.config.file)),
      .terminal = &std::cout,
      .interrupted = interrupt_requested}
      .start();
}

void train(const TrainArgs& args) {
  auto config = read_config<RunConfig>(args.config.source());
  print_keys_without_effect(config);
  if (args.check) {
    std::cout << check_text({.config = config,
                             .config_file = args.config.file,
                             .plan_for = args.plan_for,
                             .ranks = args.ranks})
              << std::flush;
    return;
  }
  if (args.run_dir.empty())
    throw Error(ErrorCode::kInvalidConfig, "--run-dir is missing; name a folder for the run");
  if (args.rehearsal && args.ranks > 1)
    throw Error(ErrorCode::kInvalidConfig, "--rehearsal is one process; leave --ranks out");
  if (start_ranks(args.ranks)) return;

  bool is_first = true;
  resumable(
      [&] {
        if (args.rehearsal) return rehearse(config, args);
        const RankSetup ranks = join_ranks(config);
        is_first = ranks.collective->is_first();
        TrainingRun run = terminal_run(config, args.config.file, args.run_dir);
        run.collective = ranks.collective.get();
        run.settle = [&](TorchLearnerOptions& options, const ModelConfig& model) {
          settle_by_plan(config, ranks, model, options);
        };
        run.start();
      },
      args.config.command_line("train", args.run_dir) + (args.rehearsal ? " --rehearsal" : "") +
          (args.ranks > 1 ? fmt::format(" --ranks {}", args.ranks) : ""));
  if (!is_first) return;
  if (!args.rehearsal)
    std::cout << '\n'
              << summary_text(summarise_run(args.run_dir, config.eval, judge_name(config.judge)))
              << fmt::format("peak memory: {}\n", human_bytes(peak_memory_bytes()));
  std::cout << "done: " << args.run_dir << " holds metrics.jsonl, rollouts.jsonl, checkpoints/"
            << (args.rehearsal ? "\n" : ", report.html\n");
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto args = std::make_shared<TrainArgs>();
  CLI::App* command = app.add_subcommand(
      "train", "Train a policy; continues from the run directory if it holds a checkpoint");
  command->add_option("config", args->config.file, "TOML file of the run")->required();
  command->add_option("--run-dir", args->run_dir, "folder for checkpoints, metrics and rollouts");
  command->add_flag("--check", args->check,
                    "only show the plan: steps, judge calls, expected cost, memory");
  command->add_option("--plan-for", args->plan_for,
                      "with --check: the device, cuda:80GB or cpu:24GB; where the run does not fit "
                      "on it, the exit code is 6");
  command->add_flag("--rehearsal", args->rehearsal,
                    "run the loop with a toy policy and judge, without a model");
  command
      ->add_option("--ranks", args->ranks,
                   "processes on this machine that train together, a GPU each where there are "
                   "some; torchrun and srun start them on several machines")
      ->check(CLI::Range(1, 64));
  args->config.add_set(*command);
  command->footer(
      "Examples:\n"
      "  polaris train configs/starter.toml --run-dir runs/starter\n"
      "  polaris train configs/polaris_9b.toml --check --plan-for cuda:141GB");
  command->callback([args] { train(*args); });
}

}  // namespace polaris
