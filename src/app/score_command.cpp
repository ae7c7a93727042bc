#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "app/command.h"
#include "app/options.h"
#include "app/record_files.h"
#include "data/story_record.h"
#include "reward/composite.h"
#include "reward/rules.h"
#include "text/thinking.h"
#include "text/words.h"
#include "train/run_config.h"

namespace polaris {
namespace {

struct ScoreArgs {
  RecordFiles files;
  std::string judge = "none";
  ConfigOptions config;
};

/// What a record asked for, read as `train` reads its data; fields of a data record that mean
/// something else here (`story`, `answer`) stay out of it.
StoryRecord question_of(const Record& record) {
  OrderedJson question = OrderedJson::object();
  for (const char* field : {"id", "uid", "prompt", "extra_info", "target_word_count", "target"}) {
    if (const OrderedJson* value = record.find(field)) question[field] = *value;
  }
  return parse_story_record(question, record.file(), record.line());
}

void check_origin(const Record& record) {
  const auto origin = record.text("origin");
  if (origin && *origin != "policy" && *origin != "reference")
    throw record.refused("\"origin\" is neither \"policy\" nor \"reference\"");
}

/// What stands in a record to be scored.
struct Answer {
  std::string story;
  std::optional<std::string> thinking;
  bool unclosed = false;  ///< its thinking never ends
};

Answer answer_of(const Record& record, const RunConfig& config) {
  if (const auto response = record.text("response")) {
    const SplitResponse split =
        split_response(*response, config.model.thinking, config.reward.unclosed_thinking);
    return {.story = std::string(split.story),
            .thinking = split.thinking ? std::optional<std::string>(*split.thinking) : std::nullopt,
            .unclosed = split.unclosed};
  }
  const auto story = record.text("story");
  if (!story) throw record.refused("the record has neither \"response\" nor \"story\"");
  const auto thinking = record.text("thinking");
  return {.story = std::string(*story),
          .thinking = thinking ? std::optional<std::string>(*thinking) : std::nullopt};
}

template <class T>
OrderedJson or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson();
}

/// Adds the parts that need no judge. Returns whether the answer's thinking never ends.
bool fill(Record& record, const RunConfig& config) {
  const StoryRecord question = question_of(record);
  check_origin(record);
  const Answer answer = answer_of(record, config);
  const RewardParts parts = rule_parts({.request = {.prompt = question.prompt,
                                                    .target_words = question.target_word_count,
                                                    .target_text = question.target.value_or("")},
                                        .story = answer.story},
                                       config.reward);
  record.set("reward", or_null(composite_reward(parts, config.reward)));
  record.set("parts", {{"story_quality", or_null(parts.story_quality)},
                       {"self_rep", or_null(parts.self_repetition)},
                       {"length_pen", or_null(parts.length)},
                       {"blank_pen", or_null(parts.blank)},
                       {"overlong", or_null(parts.overlong)}});
  record.set("thinking", or_null(answer.thinking));
  record.set("story", answer.story);
  record.set("words", count_words(answer.story));
  record.set("words_re", count_text(answer.story, word_form(config.reward)).words);
  record.set("failure", nullptr);
  return answer.unclosed;
}

void score(const ScoreArgs& args) {
  if (args.judge != "none")
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("--judge is \"{}\"; available here is none, which gives the parts of "
                            "the reward that need no judge",
                            args.judge));
  const auto config = read_config<RunConfig>(args.config.source());
  std::size_t unclosed = 0;
  args.files.for_each("scoring", [&](Record& record) { unclosed += fill(record, config) ? 1 : 0; });
  if (unclosed > 0 && config.reward.unclosed_thinking == UnclosedThinking::kEmptyStory)
    std::cerr << fmt::format(
        "note: {} response{} without </think>, so without a story; answers of a model that does "
        "not think: --set model.thinking=false, or \"story\" instead of \"response\"\n",
        unclosed, unclosed == 1 ? "" : "s");
}

}  // namespace

void add_score_command(CLI::App& app) {
  auto args = std::make_shared<ScoreArgs>();
  CLI::App* command = app.add_subcommand("score", "Rewards of stories: penalties, words, thinking");
  args->files.add_options(*command);
  command->add_option("--judge", args->judge, "who grades the stories: none");
  command->add_option("--config", args->config.file,
                      "TOML file whose [reward] counts; without one, the defaults");
  args->config.add_set(*command);
  command->footer(
      "A record holds `prompt` (text or messages) and one of\n"
      "  response  what a model wrote: thinking, </think>, story\n"
      "  story     the story alone\n"
      "and may hold `target_word_count` and `origin` (policy | reference). Added are\n"
      "  parts     story_quality, self_rep, length_pen, blank_pen, overlong; null: not computed\n"
      "  reward    their weighted sum; null while a part that it needs is null\n"
      "  thinking, story, words (between white space), words_re (as the recipe counts), failure\n"
      "Other fields are passed through. Without a judge story_quality, and so the reward, is "
      "null;\n"
      "overlong needs the response's tokens.\n"
      "Example: polaris score --in stories.jsonl --out scored.jsonl --judge none");
  command->callback([args] { score(*args); });
}

}  // namespace polaris
