#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "app/command.h"
#include "app/model_report.h"
#include "app/options.h"
#include "app/plan_report.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/strings.h"
#include "train/run_config.h"
#include "weights/expected_tensors.h"
#include "weights/random_model.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

struct InfoArgs {
  std::string model;
  std::string plan_for;
  std::int64_t ranks = 1;
  bool json = false;
  ConfigOptions config;
};

void info(const InfoArgs& args) {
  const ModelReport report = inspect_model(find_model(args.model));
  if (!args.json) std::cout << model_text(report) << '\n' << std::flush;

  auto config = read_config<RunConfig>(args.config.source());
  const PlanTarget target =
      parse_plan_target(args.plan_for.empty() ? "auto" : args.plan_for, config.device, args.ranks);
  const MemoryPlan plan =
      plan_memory(memory_request(config, report.config, target.device, args.ranks));
  if (args.json) {
    Json json = model_json(report);
    json["memory_plan"] = plan_json(plan, target);
    std::cout << json.dump(2) << '\n' << std::flush;
  } else {
    std::cout << plan_text(plan, target) << std::flush;
  }
  if (!args.plan_for.empty()) require_fit(plan);  // otherwise nobody asked whether it does
}

struct InitArgs {
  std::string config;
  std::uint64_t seed = 0;
  std::string out;
  std::string dtype;
  std::size_t threads = 0;
};

Dtype chosen_dtype(const InitArgs& args, const ModelConfig& config) {
  if (args.dtype == "float32") return Dtype::kF32;
  if (args.dtype == "bfloat16") return Dtype::kBF16;
  return config.dtype == Dtype::kF32 ? Dtype::kF32 : Dtype::kBF16;
}

void init(const InitArgs& args) {
  constexpr std::uint64_t kMegabyte = 1'000'000;
  const ModelSource source = find_model(args.config);
  RandomModel model{.config = read_model_config(source.path), .seed = args.seed};
  model.dtype = chosen_dtype(args, model.config);
  std::error_code ignored;
  if (fs::is_directory(source.path, ignored)) model.small_files = source.path;

  watch_for_interrupt();
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  TaskPool pool(args.threads == 0 ? cores : args.threads);
  const SystemClock clock;
  const auto now = [&] { return clock.steady_s(); };
  const double start_s = now();
  const std::uint64_t bytes = stored_bytes(model);
  {
    std::optional<Progress> progress;
    std::int64_t shown_mb = 0;
    write_random_model(model, args.out, pool, [&](std::uint64_t done) {
      if (interrupt_requested())
        throw Error(ErrorCode::kInterrupted, fmt::format("stopped; {} is not written", args.out));
      if (!progress)  // only once it is clear that something is written
        progress.emplace(std::cerr, style_for(STDERR_FILENO), now,
                         Progress::Options{.label = "writing",
                                           .total = static_cast<std::int64_t>(bytes / kMegabyte),
                                           .unit = "MB"});
      const auto mb = static_cast<std::int64_t>(done / kMegabyte);
      progress->advance(mb - shown_mb);
      shown_mb = mb;
    });
  }
  std::cout << fmt::format("{}: {} random parameters from seed {}, {} in {}\n", args.out,
                           grouped(parameter_count(model.config)), args.seed,
                           human_bytes(static_cast<double>(bytes)), human_seconds(now() - start_s));
}

void add_info(CLI::App& model) {
  auto args = std::make_shared<InfoArgs>();
  CLI::App* command = model.add_subcommand(
      "info", "Show a model's architecture, parameters and stored tensors, and plan its memory");
  command
      ->add_option("model", args->model,
                   "model folder, config.json, or the name of a shipped architecture")
      ->required();
  command->add_option("--plan-for", args->plan_for,
                      "device of one rank: cuda:80GB, cpu:24GB, or auto, this machine; where "
                      "training does not fit on it, the exit code is 6. Without this option the "
                      "plan is for this machine, and only shown");
  command->add_option("--ranks", args->ranks, "data-parallel processes, one device each")
      ->check(CLI::Range(1, 65536));
  command->add_flag("--json", args->json, "the same as one JSON object");
  command->add_option("--config", args->config.file,
                      "TOML file of the run to plan; without one, the defaults");
  args->config.add_set(*command);
  command->footer(
      "GB are 1e9 bytes, GiB 2^30: a card sold as 80 GB has 79 GiB, or 85 GB.\n"
      "Phases: update (forward, backward, optimizer), rollout and validation (writing during\n"
      "training), sampling alone (writing without training).\n"
      "Example: polaris model info qwen3.5-9b --plan-for cuda:80GB --ranks 4");
  command->callback([args] { info(*args); });
}

void add_init(CLI::App& model) {
  auto args = std::make_shared<InitArgs>();
  CLI::App* command =
      model.add_subcommand("init", "Write a model of an architecture with random weights");
  command
      ->add_option(
          "--config", args->config,
          "config.json, a folder that holds one (its tokenizer is copied too), or the name "
          "of a shipped architecture")
      ->required();
  command->add_option("--seed", args->seed, "of the weights; the same seed, the same weights");
  command->add_option("--out", args->out, "new or empty folder")->required();
  command
      ->add_option("--dtype", args->dtype,
                   "float32 | bfloat16; without it, what config.json states")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_option("--threads", args->threads, "CPU threads; 0 = all cores");
  command->footer("Example: polaris model init --config qwen3.5-0.8b --seed 1 --out models/random");
  command->callback([args] { init(*args); });
}

}  // namespace

void add_model_command(CLI::App& app) {
  CLI::App* model = app.add_subcommand("model", "Inspect models, make random ones, merge adapters");
  model->require_subcommand(1);
  add_info(*model);
  add_init(*model);
  add_merge_command(*model);
}

}  // namespace polaris
