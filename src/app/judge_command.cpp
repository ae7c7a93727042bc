#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/judge_check.h"
#include "app/judge_option.h"
#include "app/options.h"
#include "app/story_input.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/interrupt.h"
#include "base/jsonl.h"
#include "base/progress.h"
#include "base/strings.h"
#include "judge/make_judge.h"
#include "reward/story_quality.h"
#include "train/run_config.h"

namespace polaris {
namespace {

struct JudgeArgs {
  std::string in;
  std::string out;
  JudgeOption judge;
  ConfigOptions config;
  bool check = false;
};

/// What an earlier run left in the output.
struct Earlier {
  std::vector<Json> ids;
  std::optional<std::string> run_id;
};

/// The judge was not reached or did not answer in time: that says nothing about the story.
bool is_to_be_asked_again(const Json& line) {
  const auto failure = line.find("failure");
  return failure != line.end() && (*failure == failure_name(JudgeFailure::kTransport) ||
                                   *failure == failure_name(JudgeFailure::kTimeout));
}

/// Cuts the file at the first story that is to be asked about again. Verdicts that stood behind it
/// are stored answers.
Earlier read_earlier(const std::filesystem::path& out) {
  Earlier earlier;
  std::uint64_t whole = 0;
  if (!std::filesystem::exists(out)) return earlier;
  JsonlReader reader(out, LastLine::kMayBeTorn);
  while (const auto line = reader.next()) {
    if (!line->is_object() || !line->contains("id") || !line->contains("run_id"))
      throw Error(
          ErrorCode::kInvalidData,
          fmt::format("{}: not a line of `polaris judge`; name another --out", reader.place()));
    earlier.run_id = line->at("run_id").get<std::string>();
    if (is_to_be_asked_again(*line)) {
      real_file_system().truncate(out, whole);
      tell(fmt::format("{}: the judge was not reached for story {}; it is asked again",
                       out.string(), line->at("id").dump()));
      break;
    }
    earlier.ids.push_back(line->at("id"));
    whole = reader.offset();
  }
  return earlier;
}

std::int64_t count_records(const std::string& file) {
  JsonlReader reader(file, LastLine::kMustBeWhole);
  std::int64_t count = 0;
  while (reader.next_ordered()) ++count;
  return count;
}

/// One line of the output: the record of the answer that counted, with the story's id.
Json line_of(const StoryInput& input, const JudgeReply& reply, const RunConfig& config,
             const JudgeSetup& setup) {
  JudgementRecord record = records_of(reply, input.request(), config.judge, setup).front();
  record.item_id = input.question.id;
  record.run_id = setup.run_id;
  Json line = to_json(record);
  line["id"] = input.question.id;
  line["reason"] = reply.message.empty() ? Json() : Json(reply.message);
  if (!reply.further.empty()) line["repeats"] = to_json(spread_of(reply, setup.score_rule));
  if (!config.judge.panel.empty()) line["judges"] = to_json(spread_by_judge(reply));
  return line;
}

/// Adds up what a person wants to know at the end.
class Summary {
 public:
  void add(const JudgeReply& reply, const ScoreRule& rule) {
    ++stories_;
    if (reply.verdict) add_scores(spread_of(reply, rule));
    cached_ += reply.cached ? 1 : 0;
    cost_usd_ += reply.cost_usd;
    quotes_verified_ += reply.quotes_verified;
    quotes_checked_ += reply.quotes_checked;
    if (!reply.failure) return;
    ++failures_[*reply.failure];
    ++failed_;
    reason_ = reply.message;
  }

  void add_scores(const Spread& spread) {
    ++judged_;
    mean_ += (spread.mean - mean_) / judged_;
    if (spread.count < 2) return;
    ++repeated_;
    sd_ += (spread.sd - sd_) / repeated_;
  }

  std::string cost() const { return fmt::format("${:.2f}", cost_usd_); }

  std::string text() const {
    std::string text = fmt::format("{} stories judged, {} from stored answers, ${:.4f}",
                                   stories_ - failed_, cached_, cost_usd_);
    if (judged_ > 0) text += fmt::format(", mean {:.1f} points", mean_);
    if (repeated_ > 0)
      text += fmt::format(", answers to one story differ by {:.1f} (standard deviation)", sd_);
    if (quotes_checked_ > 0)
      text += fmt::format(", {:.0f} % of {} quotes are in the stories",
                          100.0 * quotes_verified_ / quotes_checked_, quotes_checked_);
    for (const auto& [failure, count] : failures_)
      text += fmt::format(", {} {}", count, failure_name(failure));
    return text;
  }

  /// @throws Error{kUnavailable} if nobody answered
  void check() const {
    constexpr double kMaxFailed = 0.02;
    if (failed_ > 0 && failed_ == stories_)
      throw Error(ErrorCode::kUnavailable,
                  fmt::format("no story was judged; the last failure: {}", reason_));
    if (failed_ > kMaxFailed * stories_)
      tell(fmt::format("incomplete: {} of {} stories have no verdict; the last reason: {}", failed_,
                       stories_, reason_));
  }

 private:
  int stories_ = 0;
  int judged_ = 0;
  int repeated_ = 0;   // of them, with more than one answer
  double mean_ = 0.0;  // overall score
  double sd_ = 0.0;    // mean over stories
  int cached_ = 0;
  int failed_ = 0;
  int quotes_verified_ = 0;
  int quotes_checked_ = 0;
  double cost_usd_ = 0.0;
  std::map<JudgeFailure, int> failures_;
  std::string reason_;
};

/// The stories of the input on their way through the judge to the output.
class Judging {
 public:
  Judging(const JudgeArgs& args, const RunConfig& config, const JudgeSetup& setup, Judge& judge,
          std::vector<Json> earlier, Progress& progress)
      : args_(args),
        config_(config),
        setup_(setup),
        earlier_(std::move(earlier)),
        queue_(judge),
        progress_(progress) {}

  void run() {
    const std::string file = args_.in == "-" ? "/dev/stdin" : args_.in;
    JsonlReader reader(file, LastLine::kMustBeWhole);
    std::size_t place = 0;
    while (auto json = reader.next_ordered()) {
      const Record record(std::move(*json), file, reader.line_number());
      StoryInput input = story_input(record, config_);
      if (place++ < earlier_.size()) {
        skip(input, record, place - 1);
        continue;
      }
      if (interrupt_requested()) break;
      ask(std::move(input));
      finish_down_to(questions_ahead(config_.judge));
    }
    finish_down_to(0);
    if (interrupt_requested())
      throw Error(ErrorCode::kInterrupted,
                  fmt::format("stopped; the same command goes on ({})", summary_.text()));
  }

  const Summary& summary() const { return summary_; }

 private:
  void skip(const StoryInput& input, const Record& record, std::size_t place) {
    if (earlier_[place] != input.question.id)
      throw record.refused(
          fmt::format("this is story {}, and {} has {} in its place; name another --out",
                      input.question.id.dump(), args_.out, earlier_[place].dump()));
    progress_.skip(1);
  }

  void ask(StoryInput input) {
    if (trim(input.story).empty()) {
      queue_.add({.failure = JudgeFailure::kEmpty, .message = "the story is empty: not judged"});
    } else {
      queue_.ask(input.request());
    }
    inputs_.push_back(std::move(input));
  }

  void finish_down_to(std::size_t count) {
    for (; inputs_.size() > count; inputs_.pop_front()) {
      const JudgeReply reply = queue_.next();
      write(line_of(inputs_.front(), reply, config_, setup_));
      summary_.add(reply, setup_.score_rule);
      progress_.set_suffix(summary_.cost());
      progress_.advance();
    }
  }

  /// The file is there once it has something to hold.
  void write(const Json& line) {
    if (args_.out == "-") {
      if (!(std::cout << dump_json(line) << '\n'))
        throw Error(ErrorCode::kIo, "cannot write to standard output");
      return;
    }
    if (!writer_) writer_.emplace(args_.out);
    writer_->write(line);
  }

  const JudgeArgs& args_;
  const RunConfig& config_;
  const JudgeSetup& setup_;
  const std::vector<Json> earlier_;
  JudgeQueue queue_;
  std::deque<StoryInput> inputs_;
  std::optional<JsonlWriter> writer_;
  Progress& progress_;
  Summary summary_;
};

void judge_stories(const JudgeArgs& args) {
  const auto config = read_config<RunConfig>(args.judge.source(args.config));
  if (config.judge.kind == JudgeKind::kNone)
    throw Error(ErrorCode::kInvalidConfig,
                "the judge is none, so there is nothing to do; --judge lexical, http, replay:FILE");
  if (args.check) return check_judge(config, args.in, args.out);
  if (args.in.empty() || args.out.empty())
    throw Error(ErrorCode::kInvalidConfig, "--in and --out are required (unless with --check)");
  watch_for_interrupt();
  Earlier earlier;
  if (args.out != "-") earlier = read_earlier(args.out);
  const JudgeSetup setup = judge_setup(config.reward, earlier.run_id.value_or(new_run_id("judge")));
  const auto judge = make_judge(config.judge, setup, tell);
  const auto now = [clock = SystemClock()] { return clock.steady_s(); };
  Summary summary;
  {
    Progress::Options options{.label = "judging"};
    if (args.in != "-") options.total = count_records(args.in);
    Progress progress(std::cerr, style_for(STDERR_FILENO), now, options);
    Judging judging(args, config, setup, *judge, std::move(earlier.ids), progress);
    judging.run();
    summary = judging.summary();
  }
  std::cerr << summary.text() << '\n';
  summary.check();
}

}  // namespace

void add_judge_command(CLI::App& app) {
  auto args = std::make_shared<JudgeArgs>();
  CLI::App* command = app.add_subcommand("judge", "Rubric verdicts of stories");
  command->add_option("--in", args->in, "JSON lines, or - for standard input");
  command->add_option("--out", args->out,
                      "one judgement record per story; an existing file is continued; - for "
                      "standard output");
  command->add_flag("--check", args->check,
                    "measure the judge itself on 8 stories (of --in, else shipped ones), each as "
                    "it is, with a looped tail and with a cut ending; --out gets the card");
  args->judge.add_to(*command, "who judges (default: judge.kind of the configuration)");
  command->add_option("--config", args->config.file, "TOML file whose [judge] and [reward] count");
  args->config.add_set(*command);
  command->footer(
      "A record holds `prompt` and one of `response` and `story`, as for `polaris score`, and may\n"
      "hold `target_word_count` and `origin`. Out comes one line per story, in the same order: "
      "its\n"
      "`id` and the judgement record (docs/judge.md). `scores` is null where there is no verdict;\n"
      "`failure` and `reason` then say why. The file is a recording for --judge replay:FILE.\n"
      "Answers of an LLM are stored (judge.cache), so no story is paid for twice.\n"
      "Example: polaris judge --in stories.jsonl --out verdicts.jsonl --judge http \\\n"
      "           --set judge.base_url=http://localhost:8080/v1 --set judge.model=gemma-3");
  command->callback([args] { judge_stories(*args); });
}

}  // namespace polaris
