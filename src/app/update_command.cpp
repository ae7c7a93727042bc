#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/jsonl.h"
#include "nn/torch_learner.h"
#include "train/batch_record.h"
#include "train/learner_options.h"
#include "train/run_config.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

struct UpdateArgs {
  ConfigOptions config;
  std::string model;
  std::string batches;
  std::string out;
  std::string dtype = "as_loaded";
};

/// A schedule that falls needs to know where it ends.
std::int64_t count_lines(const fs::path& file) {
  std::int64_t count = 0;
  for (JsonlReader reader(file, LastLine::kMustBeWhole); reader.next();) ++count;
  return count;
}

std::optional<Dtype> save_dtype(const std::string& name) {
  if (name == "float32") return Dtype::kF32;
  if (name == "bfloat16") return Dtype::kBF16;
  return std::nullopt;
}

/// Refused before the work, not behind it.
void refuse_used_folder(const fs::path& folder) {
  if (fs::exists(folder) && !fs::is_empty(folder))
    throw Error(ErrorCode::kIo,
                fmt::format("--out {} is not an empty folder; name a new one", folder.string()));
}

Json stats_json(std::int64_t step, const UpdateStats& stats) {
  Json json = {{"step", step},
               {"loss", stats.loss},
               {"grad_norm", stats.grad_norm},
               {"response_tokens", stats.response_tokens},
               {"rows", stats.rows},
               {"skipped", stats.skipped}};
  if (!stats.nonfinite_tensors.empty()) json["nonfinite_tensors"] = stats.nonfinite_tensors;
  return json;
}

void update(const UpdateArgs& args) {
  auto config = read_config<RunConfig>(args.config.source());
  config.model.path = args.model;
  refuse_used_folder(args.out);
  JsonlReader reader(args.batches, LastLine::kMustBeWhole);
  TorchLearnerOptions options = learner_options(config);
  if (config.optimizer.schedule != Schedule::kConstant && options.total_steps == 0)
    options.total_steps = count_lines(args.batches);
  TorchLearner learner(options);

  watch_for_interrupt();
  while (const auto record = reader.next()) {
    Batch batch{.rows = parse_batch_record(*record, reader.place())};
    normalise(batch, config.loss.normaliser);
    try {
      const UpdateStats stats = learner.update(batch);
      std::cout << dump_json(stats_json(learner.policy_version(), stats)) << std::endl;
    } catch (const Error& e) {
      throw e.within(reader.place());
    }
    if (interrupt_requested())
      throw Error(ErrorCode::kInterrupted,
                  fmt::format("stopped behind update {}; nothing was written, so the same command "
                              "begins again",
                              learner.policy_version()));
  }
  learner.save_model(args.out, save_dtype(args.dtype));
}

}  // namespace

void add_update_command(CLI::App& app) {
  auto args = std::make_shared<UpdateArgs>();
  CLI::App* command =
      app.add_subcommand("update", "Replay recorded batches: one optimizer update per line");
  command->add_option("--model", args->model, "HF checkpoint folder to start from")->required();
  command->add_option("--batches", args->batches, "JSONL file of batches")->required();
  command->add_option("--out", args->out, "folder for the updated checkpoint")->required();
  command->add_option("--dtype", args->dtype, "of the written weights")
      ->check(CLI::IsMember({"as_loaded", "float32", "bfloat16"}))
      ->capture_default_str();
  command->add_option("--config", args->config.file, "TOML file of a run");
  args->config.add_set(*command);
  command->footer(
      "Example: polaris update --model M --batches b.jsonl --out M2 --set optimizer.lr=1e-5\n"
      "A line is {\"rows\": [{\"prompt_tokens\": [..], \"response_tokens\": [..], "
      "\"advantage\": 0.5}]}.");
  command->callback([args] { update(*args); });
}

}  // namespace polaris
