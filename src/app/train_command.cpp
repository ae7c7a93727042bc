#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "data/story_dataset.h"
#include "data/story_reader.h"
#include "train/recipe.h"
#include "train/toy_run.h"

namespace polaris {
namespace {

struct TrainArgs {
  ConfigOptions config;
  std::string run_dir;
  bool rehearsal = false;
};

/// The prompts of a data file, for a policy that does not read them.
std::vector<Prompt> rehearsal_prompts(const std::filesystem::path& file) {
  std::vector<Prompt> prompts;
  StoryReader reader(file);
  while (const auto record = reader.next()) prompts.push_back(unrendered_prompt(*record));
  return prompts;
}

void train(const TrainArgs& args) {
  auto config = read_config<RunConfig>(args.config.source());
  print_keys_without_effect(config);
  if (!args.rehearsal)
    throw Error(ErrorCode::kInvalidConfig,
                "this version has no model to train yet; --rehearsal runs the loop with stand-ins");

  std::cout << "rehearsal: a one-parameter policy and a stand-in judge, no model is loaded\n";
  for (const auto& [key, is_set] :
       {std::pair{"train.keep_weights_every", config.train.keep_weights_every > 0},
        std::pair{"train.record_batches", config.train.record_batches}}) {
    if (is_set) std::cout << "note: " << key << " has no effect in a rehearsal\n";
  }
  ToyRun run{
      .config = config,
      .run_dir = args.run_dir,
      .prompts = rehearsal_prompts(find_input(config.data.train, args.config.file)),
      .validation_prompts = rehearsal_prompts(find_input(config.data.validation, args.config.file)),
      .terminal = &std::cout,
      .interrupted = interrupt_requested};
  watch_for_interrupt();
  try {
    run.start();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInterrupted) throw;
    throw Error(e.code(), fmt::format("{}; go on with the same command", e.what()));
  }
  std::cout << "done: " << args.run_dir << " holds metrics.jsonl, rollouts.jsonl, checkpoints/\n";
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto args = std::make_shared<TrainArgs>();
  CLI::App* command = app.add_subcommand(
      "train", "Train a policy; continues from the run directory if it holds a checkpoint");
  command->add_option("config", args->config.file, "TOML file of the run")->required();
  command->add_option("--run-dir", args->run_dir, "folder for checkpoints, metrics and rollouts")
      ->required();
  command->add_flag("--rehearsal", args->rehearsal,
                    "run the loop with a toy policy and judge, without a model");
  args->config.add_set(*command);
  command->footer("Example: polaris train configs/rehearsal.toml --run-dir runs/try --rehearsal");
  command->callback([args] { train(*args); });
}

}  // namespace polaris
