#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/file_progress.h"
#include "app/options.h"
#include "base/error.h"
#include "data/data_report.h"
#include "train/run_config.h"
#include "train/run_text.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

struct DataCheckArgs {
  std::string file;
  std::string model;
  ConfigOptions config;
};

/// The model whose tokenizer counts: --model, else the configuration's if it is on this machine.
std::optional<fs::path> model_folder(const DataCheckArgs& args, const RunConfig& config) {
  if (!args.model.empty()) return args.model;
  if (config.model.path.empty()) return std::nullopt;
  try {
    return find_input(config.model.path, args.config.file);
  } catch (const Error& e) {
    std::cout << "note: no lengths in tokens: " << e.what() << '\n';
    return std::nullopt;
  }
}

void check(const DataCheckArgs& args) {
  const auto config = read_config<RunConfig>(args.config.source());
  std::optional<RunText> text;
  if (const auto folder = model_folder(args, config)) {
    text.emplace(config, *folder);
    std::cout << "note: " << text->chat().note << '\n';
  }

  std::string findings;  // shown at the end: until then the terminal's line belongs to the progress
  DataReport report;
  {
    FileProgress progress("reading", args.file);
    report = check_data(
        args.file, {.encoder = text ? &text->encoder() : nullptr,
                    .max_prompt_tokens = config.data.max_prompt_tokens,
                    .hri = config.hri.enabled,
                    .thinking = config.model.thinking,
                    .on_problem = [&](const std::string& problem) { findings += problem + '\n'; },
                    .on_note = [&](const std::string& note) { findings += "note: " + note + '\n'; },
                    .on_progress = [&](std::uint64_t bytes) { progress.reach(bytes); }});
  }
  std::cout << findings << (findings.empty() ? "" : "\n") << text_of(report) << std::flush;
  if (report.problems > 0)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: {} problem{}, listed above", args.file, report.problems,
                            report.problems == 1 ? "" : "s"));
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Check data files");
  data->require_subcommand(1);

  auto args = std::make_shared<DataCheckArgs>();
  CLI::App* command = data->add_subcommand(
      "check", "List every problem of a data file by line, and count what it holds");
  command->add_option("file", args->file, "JSON lines: prompts, with reference stories or without")
      ->required();
  command->add_option("--model", args->model,
                      "model folder: its tokenizer and chat template add lengths in tokens");
  command->add_option("--config", args->config.file,
                      "TOML file of the run that the data is for; without one, the defaults");
  args->config.add_set(*command);
  command->footer(
      "Problems are what a run would refuse (exit code 3); notes are what it would leave out.\n"
      "Example: polaris data check data/starter/train.jsonl --model models/Qwen3.5-9B");
  command->callback([args] { check(*args); });
}

}  // namespace polaris
