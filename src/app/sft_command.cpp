#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "app/resumable.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "nn/torch_learner.h"
#include "train/learner_options.h"
#include "train/run_text.h"
#include "train/sft.h"

namespace polaris {
namespace {

struct SftArgs {
  ConfigOptions config;
  std::string run_dir;
};

/// Mean over all response tokens, in nats; nothing without rows.
std::optional<double> mean_loss(const Policy& policy, const std::vector<Row>& rows) {
  double sum = 0.0;
  std::size_t count = 0;
  for (const Row& row : rows) {
    std::vector<TokenId> tokens = row.prompt_tokens;
    tokens.insert(tokens.end(), row.response_tokens.begin(), row.response_tokens.end());
    const ScoreRequest request{.tokens = tokens,
                               .start = static_cast<std::int64_t>(row.prompt_tokens.size())};
    const auto scores = policy.score({&request, 1});
    for (const float logprob : scores[0].logprobs) sum -= logprob;
    count += row.response_tokens.size();
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

void sft(const SftArgs& args) {
  const auto config = read_config<RunConfig>(args.config.source());
  for (const auto& [key, value] :
       {std::pair{"model.path", config.model.path}, std::pair{"sft.data", config.sft.data}}) {
    if (value.empty())
      throw Error(ErrorCode::kInvalidConfig, fmt::format("{} is empty; name it in the file", key));
  }
  const auto model = find_input(config.model.path, args.config.file);
  const RunText text(config, model);
  std::cout << "note: " << text.chat().note << '\n';
  const auto stories =
      load_supervised_stories(find_input(config.sft.data, args.config.file), text.encoder(),
                              {.max_prompt_tokens = config.data.max_prompt_tokens,
                               .max_tokens = config.sft.max_tokens,
                               .holdout = config.sft.holdout});
  const std::int64_t steps = sft_steps(config, stories);
  std::cout << fmt::format(
      "{} stories to learn, {} held out, {} cut at a paragraph end, {} dropped; {} updates of "
      "about {} tokens\n",
      stories.train.size(), stories.holdout.size(), stories.cut, stories.dropped, steps,
      config.sft.batch_tokens);

  RunDirectory run(args.run_dir, config, real_file_system(), &std::cout);
  TorchLearnerOptions options = sft_learner_options(config, model, steps);
  options.model.lora = found(config.model.lora, args.config.file);
  TorchLearner learner(options);
  const Policy policy = learner.policy();
  const SystemClock clock;
  resumable(
      [&] {
        run_sft(config, {.stories = stories,
                         .learner = learner,
                         .holdout_loss = [&] { return mean_loss(policy, stories.holdout); },
                         .run = run,
                         .clock = clock,
                         .interrupted = interrupt_requested});
      },
      args.config.command_line("sft", args.run_dir));
  std::cout << fmt::format("done: the {0} is {1}/checkpoints/step_{2}/{0}\n",
                           config.model.lora.enabled ? "adapter" : "model", args.run_dir, steps);
}

}  // namespace

void add_sft_command(CLI::App& app) {
  auto args = std::make_shared<SftArgs>();
  CLI::App* command = app.add_subcommand(
      "sft", "Supervised warm start on stories; continues from the run directory");
  command->add_option("config", args->config.file, "TOML file of the run")->required();
  command->add_option("--run-dir", args->run_dir, "folder for checkpoints and metrics")->required();
  args->config.add_set(*command);
  command->footer("Example: polaris sft configs/tiny_sft.toml --run-dir runs/tiny");
  command->callback([args] { sft(*args); });
}

}  // namespace polaris
