#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "app/command.h"
#include "app/model_text.h"
#include "app/options.h"
#include "app/record_files.h"
#include "app/story_writer.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/json_lists.h"
#include "base/jsonl.h"
#include "base/progress.h"
#include "data/story_encoder.h"
#include "nn/sequence_check.h"
#include "reward/rules.h"
#include "text/thinking.h"
#include "text/words.h"
#include "train/run_config.h"
#include "weights/model_config.h"

namespace polaris {
namespace {

struct GenerateArgs {
  ConfigOptions config;
  std::string model;
  std::string in;
  std::string out;
  std::int64_t samples = 1;
  bool ignore_eos = false;
};

/// Where the text of a model begins inside its thinking: the last think tag of the prompt opens.
bool ends_in_thinking(const std::string& prompt) {
  const std::size_t open = prompt.rfind("<think>"), close = prompt.rfind("</think>");
  return open != std::string::npos && (close == std::string::npos || open > close);
}

/// The records of the input, and what the policy continues for each.
class Input {
 public:
  /// @param text  null for a model without a tokenizer
  Input(const GenerateArgs& args, const RunConfig& config, ModelText* text)
      : config_(config), text_(text), text_only_(writes_text_only(config)) {
    if (!text_only_) vocab_size_ = read_model_config(args.model).vocab_size;
    const std::string file = args.in == "-" ? "/dev/stdin" : args.in;
    JsonlReader reader(file, LastLine::kMustBeWhole);
    while (auto json = reader.next_ordered())
      add(Record(std::move(*json), file, reader.line_number()));
  }

  const std::vector<Record>& records() const { return records_; }
  const std::vector<Prompt>& prompts() const { return prompts_; }
  bool opens_thinking(std::size_t index) const { return opens_thinking_[index]; }

  /// The id of a record in its own JSON type: `id`, else `uid`, else its line number.
  static OrderedJson id_of(const Record& record) {
    for (const char* field : {"id", "uid"}) {
      if (const OrderedJson* id = record.find(field)) return *id;
    }
    return record.line();
  }

 private:
  void add(Record record) {
    const OrderedJson id = id_of(record);
    Prompt prompt{.id = id.is_string() ? id.get<std::string>() : id.dump()};
    bool opens_thinking = false;
    if (text_only_) {
      prompt.text = only_message_of(record);
    } else if (const OrderedJson* tokens = record.find("tokens")) {
      prompt.tokens = token_ids_from_json(*tokens, fmt::format("{}: \"tokens\"", record.place()));
      if (text_ != nullptr)
        opens_thinking = ends_in_thinking(text_->tokenizer().decode(prompt.tokens));
    } else {
      prompt.tokens = encoder(record).encode_prompt(messages_of(record));
      opens_thinking = encoder_->opens_thinking();
    }
    try {
      if (!text_only_) check_tokens(prompt.tokens, vocab_size_, "tokens");
    } catch (const Error& e) {
      throw e.within(record.place());
    }
    records_.push_back(std::move(record));
    prompts_.push_back(std::move(prompt));
    opens_thinking_.push_back(opens_thinking);
  }

  /// The user's message, for a writer that is asked in text.
  static std::string only_message_of(const Record& record) {
    const std::vector<Message> messages = messages_of(record);
    if (messages.size() != 1 || messages[0].role != "user")
      throw record.refused(
          "this writer takes one user message; a system message goes into model.system_message");
    return messages[0].content;
  }

  static std::vector<Message> messages_of(const Record& record) {
    if (const OrderedJson* list = record.find("messages"))
      return parse_messages(*list, record.place());
    if (const OrderedJson* prompt = record.find("prompt"); prompt != nullptr && prompt->is_array())
      return parse_messages(*prompt, record.place());
    const auto prompt = record.text("prompt");
    if (!prompt)
      throw record.refused("the record has neither \"prompt\" nor \"messages\" nor \"tokens\"");
    return {{.role = "user", .content = std::string(*prompt)}};
  }

  const StoryEncoder& encoder(const Record& record) {
    if (text_ == nullptr)
      throw record.refused("the model has no tokenizer.json, so it can only continue \"tokens\"");
    if (!encoder_) {
      StoryEncoder::Options options{.thinking = config_.model.thinking};
      if (!config_.model.system_message.empty())
        options.system_message = config_.model.system_message;
      encoder_.emplace(text_->tokenizer(), text_->chat(), options);
    }
    return *encoder_;
  }

  const RunConfig& config_;
  ModelText* text_;
  bool text_only_;
  std::int64_t vocab_size_ = 0;
  std::optional<StoryEncoder> encoder_;
  std::vector<Record> records_;
  std::vector<Prompt> prompts_;
  std::vector<bool> opens_thinking_;
};

/// Lines of the output in the order of the input, whatever order they come in.
class Output {
 public:
  /// Goes on behind what an earlier run has written.
  /// @throws Error{kInvalidData} if that is not the beginning of what is to be written
  Output(const std::string& file, const Input& input, std::size_t samples) {
    if (file == "-") return;
    if (std::filesystem::exists(file)) next_ = count_earlier(file, input, samples);
    writer_.emplace(file);
  }

  /// Lines that are there, and what they have cost.
  std::size_t written() const { return next_; }
  double spent_usd() const { return spent_usd_; }

  void put(std::size_t index, OrderedJson line) {
    waiting_.emplace(index, std::move(line));
    for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_;
         first = waiting_.erase(first)) {
      write(first->second);
      ++next_;
    }
  }

 private:
  std::size_t count_earlier(const std::string& file, const Input& input, std::size_t samples) {
    std::size_t count = 0;
    JsonlReader reader(file, LastLine::kMayBeTorn);
    for (; const auto line = reader.next_ordered(); ++count) {
      const std::size_t record = count / samples;
      const bool is_ours =
          record < input.records().size() && line->is_object() &&
          line->value("id", OrderedJson()) == Input::id_of(input.records()[record]) &&
          line->value("sample", OrderedJson()) == count % samples;
      if (!is_ours)
        throw Error(ErrorCode::kInvalidData,
                    fmt::format("{}: this line is not what the same command would have written "
                                "there; name another --out",
                                reader.place()));
      const auto cost = line->find("cost_usd");
      if (cost != line->end() && cost->is_number()) spent_usd_ += cost->get<double>();
    }
    return count;
  }

  void write(const OrderedJson& line) {
    if (writer_) {
      writer_->write_ordered(line);
    } else if (!(std::cout << line.dump() << std::endl)) {
      throw Error(ErrorCode::kIo, "cannot write to standard output");
    }
  }

  std::optional<JsonlWriter> writer_;  // nothing: standard output
  std::size_t next_ = 0;
  double spent_usd_ = 0.0;
  std::map<std::size_t, OrderedJson> waiting_;
};

/// Shows how many tokens are written, of those that would be if no story ended early.
class WritingProgress {
 public:
  WritingProgress(std::size_t stories, std::size_t earlier, std::int64_t max_tokens)
      : stories_(stories),
        done_(earlier),
        max_tokens_(max_tokens),
        progress_(std::cerr, style_for(STDERR_FILENO),
                  [clock = SystemClock()] { return clock.steady_s(); },
                  {.label = "writing",
                   .total = static_cast<std::int64_t>(stories) * max_tokens,
                   .unit = "tokens"}) {
    progress_.skip(static_cast<std::int64_t>(earlier) * max_tokens);
  }

  void add_tokens(std::int64_t count) { progress_.advance(count); }

  void finish(const Rollout& rollout) {
    progress_.set_suffix(fmt::format("{}/{} stories", ++done_, stories_));
    progress_.skip(max_tokens_ - std::ssize(rollout.tokens));
  }

 private:
  std::size_t stories_, done_;
  std::int64_t max_tokens_;
  Progress progress_;
};

/// What stories have cost.
class Bill {
 public:
  void add(std::optional<double> usd) {
    last_ = usd;
    ++stories_;
    unknown_ += usd ? 0 : 1;
    usd_ += usd.value_or(0.0);
  }

  std::optional<double> last() const { return last_; }

  std::string text() const {
    const std::string cost = fmt::format("cost: ${:.4f} for {} stories", usd_, stories_);
    return unknown_ == 0 ? cost : fmt::format("{}, {} of them at no known price", cost, unknown_);
  }

 private:
  std::optional<double> last_;
  std::size_t stories_ = 0, unknown_ = 0;
  double usd_ = 0.0;
};

/// A list that the writer does not have is null.
template <class T>
OrderedJson list_or_null(const std::vector<T>& list) {
  return list.empty() ? OrderedJson() : OrderedJson(list);
}

Record line_of(const Record& record, std::size_t sample, const Rollout& rollout,
               const RunConfig& config, std::optional<bool> opens_thinking) {
  Record line = record;
  line.set("id", Input::id_of(record));
  line.set("sample", sample);
  line.set("tokens", list_or_null(rollout.tokens));
  line.set("logprobs", list_or_null(rollout.logprobs));
  line.set("sampled_logprobs", list_or_null(rollout.sampled_logprobs));
  line.set("stop", rollout.stop == StopReason::kEndOfText ? "eos" : "length");
  if (opens_thinking) {
    const SplitResponse split =
        split_response(rollout.text, *opens_thinking, config.reward.unclosed_thinking);
    line.set("text", rollout.text);
    line.set("thinking", split.thinking ? OrderedJson(*split.thinking) : OrderedJson());
    line.set("story", split.story);
    line.set("words", count_words(split.story));
    line.set("words_re", count_text(split.story, word_form(config.reward)).words);
  }
  return line;
}

void generate(const GenerateArgs& args) {
  const auto config = read_config<RunConfig>(args.config.source());
  const bool text_only = writes_text_only(config);
  if (args.model.empty() && !text_only)
    throw Error(ErrorCode::kInvalidConfig,
                "--model is missing; only a writer of rollout.remote.server = openai, gemini, "
                "vertex or anthropic needs none");
  std::optional<ModelText> text;
  if (!text_only && ModelText::exists_in(args.model))
    text.emplace(args.model, config.model.chat_template, "--set model.chat_template=NAME");
  const Input input(args, config, text ? &*text : nullptr);
  const auto samples = static_cast<std::size_t>(args.samples);
  const std::size_t total = input.records().size() * samples;
  Output output(args.out, input, samples);
  if (output.written() == total) return;

  if (args.out != "-") watch_for_interrupt();
  SamplingConfig sampling = config.rollout.sampling;
  sampling.max_new_tokens = config.data.max_response_tokens;
  WritingProgress progress(total, output.written(), sampling.max_new_tokens);
  Bill bill;
  const auto writer =
      make_story_writer(config, {.model = args.model,
                                 .text = text ? &*text : nullptr,
                                 .ignore_stop_tokens = args.ignore_eos,
                                 .spent_usd = output.spent_usd(),
                                 .interrupted = interrupt_requested,
                                 .on_tokens = [&](auto count) { progress.add_tokens(count); },
                                 .on_cost = [&](auto usd) { bill.add(usd); }});
  try {
    writer->generate(
        {.prompts = input.prompts(),
         .rollouts_per_prompt = samples,
         .skip = output.written(),
         .sampling = sampling},
        [&](std::size_t index, std::size_t sample, const Rollout& rollout) {
          progress.finish(rollout);
          std::optional<bool> opens_thinking;
          if (text || text_only) opens_thinking = input.opens_thinking(index);
          Record line = line_of(input.records()[index], sample, rollout, config, opens_thinking);
          if (text_only) {
            line.set("model", config.rollout.remote.model);
            line.set("cost_usd", bill.last() ? OrderedJson(*bill.last()) : OrderedJson());
          }
          output.put(index * samples + sample, line.json());
        });
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInterrupted) throw;
    throw Error(e.code(), fmt::format("stopped; {} of {} stories are in {}, and the same command "
                                      "goes on behind them",
                                      output.written(), total, args.out));
  }
  if (text_only) std::cerr << bill.text() << '\n';
}

}  // namespace

void add_generate_command(CLI::App& app) {
  auto args = std::make_shared<GenerateArgs>();
  CLI::App* command = app.add_subcommand("generate", "Write many stories, batched and resumable");
  command->add_option("--model", args->model, "HF checkpoint folder");
  command->add_option("--in", args->in, "JSON lines, or - for standard input")->required();
  command
      ->add_option("--out", args->out,
                   "JSON lines; an existing file is continued; - for standard output")
      ->required();
  command->add_option("--samples", args->samples, "stories per record")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  args->config.add_short_form(*command, "--adapter", "model.lora.adapter",
                              "PEFT folder of an adapter on the model");
  args->config.add_short_form(*command, "--max-new-tokens", "data.max_response_tokens",
                              "tokens of a story at most");
  args->config.add_short_form(*command, "--temperature", "rollout.temperature",
                              "0 takes the likeliest token");
  args->config.add_short_form(*command, "--top-p", "rollout.top_p", "share of probability kept");
  args->config.add_short_form(*command, "--top-k", "rollout.top_k", "tokens kept; 0 = all");
  args->config.add_short_form(*command, "--min-p", "rollout.min_p",
                              "least share of the likeliest token's probability");
  args->config.add_short_form(*command, "--repetition-penalty", "rollout.repetition_penalty",
                              "on tokens of prompt and story; 1 = off");
  args->config.add_short_form(*command, "--slots", "rollout.slots",
                              "stories written side by side; 0 = as many as memory allows");
  command->add_flag("--ignore-eos", args->ignore_eos, "write on behind the end token");
  command->add_option("--config", args->config.file, "TOML file of a run: [rollout] and [model]");
  args->config.add_set(*command);
  command->footer(
      "A record holds `prompt` (one user message), `messages` (a chat) or `tokens` (continued as "
      "they are).\nThere is one line for each of its samples, with its other fields and\n"
      "  tokens            of the answer, with its end token\n"
      "  logprobs          of softmax at the temperature, in nats\n"
      "  sampled_logprobs  behind all penalties and filters\n"
      "  text, thinking, story, words (between white space), words_re (as the recipe counts)\n"
      "  stop              eos | length\n"
      "The same command goes on where an earlier one was stopped. A server or a vendor's model\n"
      "writes with --set rollout.engine=remote and [rollout.remote]; what it does not tell is "
      "null,\n"
      "and lines of a vendor's model have `model` and `cost_usd`.\n"
      "Example: polaris generate --model M --in prompts.jsonl --out stories.jsonl --samples 4");
  command->callback([args] { generate(*args); });
}

}  // namespace polaris
