#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "app/resumable.h"
#include "base/atomic_file.h"
#include "train/ablation.h"

namespace polaris {
namespace {

struct AblateArgs {
  ConfigOptions config;
  std::string run_dir;
  std::int64_t seeds = 5;
};

void ablate(const AblateArgs& args) {
  auto config = read_config<RunConfig>(args.config.source());
  print_keys_without_effect(config);
  const Ablation ablation{.run = terminal_run(config, args.config.file, args.run_dir),
                          .seeds = args.seeds};
  std::vector<Ablation::Table> tables;
  resumable([&] { tables = ablation.start(); }, args.config.command_line("ablate", args.run_dir));
  const std::string file = args.run_dir + "/ablation.json";
  write_atomically(file, to_json(tables).dump(2) + "\n");
  std::cout << fmt::format("\nwith and without human references, {} seeds\n\n", args.seeds)
            << ablation_text(tables) << file << '\n';
}

}  // namespace

void add_ablate_command(CLI::App& app) {
  auto args = std::make_shared<AblateArgs>();
  CLI::App* command = app.add_subcommand(
      "ablate", "What the human references change: the same run with and without, over seeds");
  command->add_option("config", args->config.file, "TOML file of the run")->required();
  command->add_option("--run-dir", args->run_dir, "folder for all the runs; finished ones are kept")
      ->required();
  command->add_option("--seeds", args->seeds, "how many, from the configuration's seed on")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  args->config.add_set(*command);
  command->footer(
      "Differences are with minus without, paired by seed and prompt; the intervals draw both "
      "anew.\n"
      "Example: polaris ablate configs/demo.toml --run-dir runs/ablation");
  command->callback([args] { ablate(*args); });
}

}  // namespace polaris
