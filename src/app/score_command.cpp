#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "app/command.h"
#include "app/judge_option.h"
#include "app/options.h"
#include "app/record_files.h"
#include "app/story_input.h"
#include "base/strings.h"
#include "judge/judgement.h"
#include "judge/make_judge.h"
#include "reward/composite.h"
#include "reward/rules.h"
#include "reward/story_quality.h"
#include "text/words.h"
#include "train/run_config.h"

namespace polaris {
namespace {

struct ScoreArgs {
  RecordFiles files;
  JudgeOption judge = {.judge = "none"};
  ConfigOptions config;
};

/// Asks a judge ahead of the records that are being finished, and puts rewards into them.
class Scoring {
 public:
  Scoring(Judge& judge, const RunConfig& config) : queue_(judge), config_(config) {}

  void start(const Record& record) {
    inputs_.push_back(story_input(record, config_));
    const StoryInput& input = inputs_.back();
    unclosed_ += input.unclosed ? 1 : 0;
    if (trim(input.story).empty()) {
      queue_.add({});  // nothing to judge: see quality_of()
    } else {
      queue_.ask(input.request());
    }
  }

  void finish(Record& record) {
    const StoryInput input = std::move(inputs_.front());
    inputs_.pop_front();
    const JudgeReply reply = queue_.next();
    cost_usd_ += reply.cost_usd;
    RewardParts parts = rule_parts({.request = {.prompt = input.question.prompt,
                                                .target_words = input.question.target_word_count,
                                                .target_text = input.question.target.value_or("")},
                                    .story = input.story},
                                   config_.reward);
    parts.story_quality = quality_of(input, reply);
    put(record, input, parts, reply);
  }

  std::size_t unclosed() const { return unclosed_; }
  double cost_usd() const { return cost_usd_; }

 private:
  /// An empty story has no merits and no faults, whoever judges.
  std::optional<double> quality_of(const StoryInput& input, const JudgeReply& reply) const {
    if (config_.judge.kind != JudgeKind::kNone && trim(input.story).empty()) return 0.0;
    return story_quality(reply, input.request(), config_.reward.story_quality_rule);
  }

  void put(Record& record, const StoryInput& input, const RewardParts& parts,
           const JudgeReply& reply) const {
    record.set("reward", or_null(composite_reward(parts, config_.reward)));
    record.set("parts", {{"story_quality", or_null(parts.story_quality)},
                         {"self_rep", or_null(parts.self_repetition)},
                         {"length_pen", or_null(parts.length)},
                         {"blank_pen", or_null(parts.blank)},
                         {"overlong", or_null(parts.overlong)}});
    record.set("thinking", or_null(input.thinking));
    record.set("story", input.story);
    record.set("words", count_words(input.story));
    record.set("words_re", count_text(input.story, word_form(config_.reward)).words);
    record.set("failure", reply.failure ? OrderedJson(failure_name(*reply.failure)) : nullptr);
    if (!config_.judge.panel.empty()) record.set("judges", to_json(spread_by_judge(reply)));
  }

  JudgeQueue queue_;
  const RunConfig& config_;
  std::deque<StoryInput> inputs_;
  std::size_t unclosed_ = 0;
  double cost_usd_ = 0.0;
};

void score(const ScoreArgs& args) {
  const auto config = read_config<RunConfig>(args.judge.source(args.config));
  const JudgeSetup setup = judge_setup(config.reward, new_run_id("score"));
  const auto judge = make_judge(config.judge, setup, tell);
  Scoring scoring(*judge, config);
  args.files.for_ahead(
      "scoring", questions_ahead(config.judge), [&](Record& record) { scoring.start(record); },
      [&](Record& record) { scoring.finish(record); });
  if (scoring.cost_usd() > 0) tell(fmt::format("the judge cost ${:.4f}", scoring.cost_usd()));
  const std::size_t unclosed = scoring.unclosed();
  if (unclosed > 0 && config.reward.unclosed_thinking == UnclosedThinking::kEmptyStory)
    tell(fmt::format(
        "{} response{} without </think>, so without a story; answers of a model that does "
        "not think: --set model.thinking=false, or \"story\" instead of \"response\"",
        unclosed, unclosed == 1 ? "" : "s"));
}

}  // namespace

void add_score_command(CLI::App& app) {
  auto args = std::make_shared<ScoreArgs>();
  CLI::App* command =
      app.add_subcommand("score", "Rewards of stories: verdict, penalties, words, thinking");
  args->files.add_options(*command);
  args->judge.add_to(*command, "who grades the stories (default: none)");
  command->add_option("--config", args->config.file,
                      "TOML file whose [reward] and [judge] count; without one, the defaults");
  args->config.add_set(*command);
  command->footer(
      "A record holds `prompt` (text or messages) and one of\n"
      "  response  what a model wrote: thinking, </think>, story\n"
      "  story     the story alone\n"
      "and may hold `target_word_count` and `origin` (policy | reference). Added are\n"
      "  parts     story_quality, self_rep, length_pen, blank_pen, overlong; null: not computed\n"
      "  reward    their weighted sum; null while a part that it needs is null\n"
      "  thinking, story, words (between white space), words_re (as the recipe counts), failure\n"
      "  judges    of a panel: answers, mean and sd of the overall score of every model\n"
      "Other fields are passed through. Without a judge story_quality, and so the reward, is "
      "null;\n"
      "so it is where the judge failed (`failure` says why). overlong needs the response's "
      "tokens.\n"
      "Answers of an LLM are stored: the same command again pays for none of them.\n"
      "Example: polaris score --in stories.jsonl --out scored.jsonl --judge lexical");
  command->callback([args] { score(*args); });
}

}  // namespace polaris
