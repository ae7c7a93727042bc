#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "app/resumable.h"
#include "app/summary_text.h"
#include "base/assets.h"
#include "base/available_memory.h"
#include "base/clock.h"
#include "base/strings.h"
#include "train/summary.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

struct DemoArgs {
  ConfigOptions config;
  std::string run_dir = "runs/demo";
};

/// The folder that holds configs/, data/ and assets/: a checkout or a bundle.
fs::path home() { return find_asset("tiny").parent_path().parent_path(); }

void demo(DemoArgs args) {
  const fs::path file = home() / "configs" / "demo.toml";
  args.config.file = file.string();
  const auto config = read_config<RunConfig>(args.config.source());
  std::cout << "A 1.3-million-parameter model learns to write to length, with human references\n"
               "injected. Its judge is text statistics, not a language model.\n\n";
  const SystemClock clock;
  const double start_s = clock.steady_s();
  resumable([&] { terminal_run(config, file, args.run_dir).start(); },
            fmt::format("polaris demo --run-dir {}", args.run_dir));
  std::cout << '\n'
            << summary_text(summarise_run(args.run_dir, config.eval, judge_name(config.judge)))
            << '\n'
            << stories_text(args.run_dir) << '\n'
            << fmt::format(
                   "{0}/report.html     curves, and rollouts beside their references\n"
                   "{0}/summary.json    the table\n"
                   "{0}/rollouts.jsonl  every story of the training\n"
                   "{0}/checkpoints/step_{1}/model  the trained model\n"
                   "{2} in all, peak memory {3}\n",
                   args.run_dir, config.train.steps, human_seconds(clock.steady_s() - start_s),
                   human_bytes(peak_memory_bytes()));
}

}  // namespace

void add_demo_command(CLI::App& app) {
  auto args = std::make_shared<DemoArgs>();
  CLI::App* command = app.add_subcommand(
      "demo", "The whole loop at toy scale, in minutes: a table, a story and report.html");
  command
      ->add_option("--run-dir", args->run_dir, "folder of the run; a finished one is shown again")
      ->capture_default_str();
  args->config.add_set(*command);
  command->footer("Example: polaris demo --run-dir runs/demo --seed 2");
  command->callback([args] { demo(*args); });
}

}  // namespace polaris
