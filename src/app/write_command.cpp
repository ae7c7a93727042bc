#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <random>

#include "app/command.h"
#include "app/model_text.h"
#include "app/options.h"
#include "app/story_screen.h"
#include "app/story_writer.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "data/story_encoder.h"
#include "rollout/local_engine.h"
#include "rollout/sampling_preset.h"
#include "rollout/story_room.h"
#include "text/length_sentence.h"
#include "text/strip.h"
#include "train/run_config.h"
#include "weights/model_config.h"

namespace polaris {
namespace {

struct WriteArgs {
  ConfigOptions config;
  std::string prompt;
  std::string model;
  std::string out;
  std::string preset = "story";
  std::string thinking = "dim";
  std::optional<std::int64_t> words;
};

/// The configuration: the preset, with what the person set on top of it. Without a seed there is
/// another story every time.
RunConfig configuration(const WriteArgs& args) {
  ConfigOptions options = args.config;
  const auto preset = std::ranges::find(sampling_presets(), args.preset, &SamplingPreset::name);
  POLARIS_CHECK(preset != sampling_presets().end());
  std::vector<std::string> settings = preset->assignments;
  settings.push_back(fmt::format("seed={}", std::random_device()() >> 1));
  options.overrides.insert(options.overrides.begin(), settings.begin(), settings.end());
  return read_config<RunConfig>(options.source());
}

/// @throws Error{kInvalidConfig} for an empty one
std::string read_prompt(const std::string& given) {
  std::string prompt = given;
  if (given == "-") prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (strip(prompt).empty()) throw Error(ErrorCode::kInvalidConfig, "the prompt is empty");
  return prompt;
}

/// How many tokens the answer may have.
/// @throws Error{kInvalidConfig} if the model's context has no room for the words that are wanted
std::int64_t answer_limit(const StoryRoom& room, std::optional<std::int64_t> words,
                          std::int64_t context, std::int64_t usual_limit) {
  if (!words) return std::clamp<std::int64_t>(usual_limit, 1, context - room.prompt_tokens);
  if (room.context_tokens(*words) <= context) return room.answer_tokens(*words);
  throw Error(ErrorCode::kInvalidConfig,
              fmt::format("{} words may take {} tokens with prompt and plan, and the model's "
                          "context is {}: ask for at most {} words, or take a model with a longer "
                          "context",
                          *words, room.context_tokens(*words), context, room.most_words(context)));
}

ThinkingShown shown(const std::string& thinking) {
  if (thinking == "hide") return ThinkingShown::kHidden;
  return thinking == "dim" ? ThinkingShown::kDimmed : ThinkingShown::kPlain;
}

/// What is asked of the model.
struct Task {
  Prompt prompt;
  std::optional<std::int64_t> words;
  bool opens_thinking = false;
  std::int64_t max_new_tokens = 0;
};

Task task_of(const WriteArgs& args, const RunConfig& config, const ModelConfig& model,
             ModelText& text) {
  const std::string given = read_prompt(args.prompt);
  const auto words = args.words ? args.words : target_words(given, TargetWordsRule::kCorrected);
  const std::string asked = words ? with_length_sentence(given, *words) : given;
  StoryEncoder::Options options{.thinking = config.model.thinking};
  if (!config.model.system_message.empty()) options.system_message = config.model.system_message;
  const StoryEncoder encoder(text.tokenizer(), text.chat(), options);
  Task task{.prompt = {.id = "write",
                       .tokens = encoder.encode_prompt({{.role = "user", .content = asked}})},
            .words = words,
            .opens_thinking = encoder.opens_thinking()};
  StoryRoom room{.tokens_per_word = tokens_per_word(text.tokenizer(), asked),
                 .prompt_tokens = std::ssize(task.prompt.tokens)};
  if (!task.opens_thinking) room.thinking_tokens = 0;
  task.max_new_tokens =
      answer_limit(room, words, model.max_position_embeddings, config.data.max_response_tokens);
  return task;
}

void write(const WriteArgs& args) {
  const RunConfig config = configuration(args);
  const ModelConfig model = read_model_config(args.model);
  ModelText text(args.model, config.model.chat_template, "--set model.chat_template=NAME");
  const Task task = task_of(args, config, model, text);
  const Policy policy = load_writer(config, args.model);
  const auto stops = stop_tokens(model, &text.tokenizer(), text.end_of_turn());
  SamplingConfig sampling = config.rollout.sampling;
  sampling.max_new_tokens = task.max_new_tokens;

  watch_for_interrupt();
  const SystemClock clock;
  auto screen =
      std::make_unique<StoryScreen>(StoryScreen::Options{.opens_thinking = task.opens_thinking,
                                                         .thinking = shown(args.thinking),
                                                         .wanted_words = task.words},
                                    clock);
  StreamDecoder decoder(text.tokenizer(), /*skip_special=*/true);
  LocalRolloutEngine engine(policy, &text.tokenizer(),
                            {.seed = static_cast<std::uint64_t>(config.seed),
                             .slots = 1,
                             .stop_tokens = stops,
                             .weights = weight_storage(config.rollout.weight_dtype),
                             .interrupted = interrupt_requested,
                             .on_token = [&](std::size_t, std::size_t, TokenId token) {
                               const bool ends = std::ranges::find(stops, token) != stops.end();
                               screen->add_token(ends ? decoder.flush() : decoder.push(token));
                             }});
  std::string ending = "stopped";
  try {
    const auto groups = engine.generate({.prompts = {&task.prompt, 1}, .sampling = sampling},
                                        [](std::size_t, std::size_t, const Rollout&) {});
    ending = groups[0].rollouts[0].stop == StopReason::kEndOfText ? "ended by the model"
                                                                  : "cut at the token limit";
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInterrupted) throw;
  }
  screen->add_text(decoder.flush());
  screen->finish();
  if (!args.out.empty()) write_atomically(args.out, std::string(strip(screen->story())) + '\n');
  const std::string figures = screen->figures();
  screen.reset();  // gives the terminal's last row back
  std::cerr << fmt::format("{}; {}; seed {}\n", figures, ending, config.seed);
  if (interrupt_requested()) throw Error(ErrorCode::kInterrupted, "stopped");
}

}  // namespace

void add_write_command(CLI::App& app) {
  auto args = std::make_shared<WriteArgs>();
  CLI::App* command =
      app.add_subcommand("write", "Write one story on the terminal, while you read along");
  command->add_option("prompt", args->prompt, "what the story is about, or - for standard input")
      ->required();
  command->add_option("--model", args->model, "HF checkpoint folder")->required();
  args->config.add_short_form(*command, "--adapter", "model.lora.adapter",
                              "PEFT folder of an adapter on the model");
  command->add_option("--words", args->words, "length; without it, the one that the prompt names")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--out", args->out, "the story without its plan, as a text file");
  std::vector<std::string> presets;
  for (const SamplingPreset& preset : sampling_presets()) presets.push_back(preset.name);
  command->add_option("--preset", args->preset, "how tokens are drawn")
      ->check(CLI::IsMember(presets))
      ->capture_default_str();
  command->add_option("--thinking", args->thinking, "the model's plan on the terminal")
      ->check(CLI::IsMember({"dim", "show", "hide"}))
      ->capture_default_str();
  args->config.add_set(*command);
  command->footer(
      "Without --seed there is another story every time; its seed is told at the end.\n"
      "Preset story is for readers, train draws as the training does; --set rollout.KEY=VALUE\n"
      "changes either. Where standard output is no terminal, a plan is left out unless --thinking\n"
      "show is given.\n"
      "Example: polaris write \"A lighthouse keeper finds a letter.\" --words 800 --model "
      "assets/tiny");
  command->callback([args] { write(*args); });
}

}  // namespace polaris
