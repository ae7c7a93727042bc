#include "app/judge_check.h"

#include <unistd.h>

#include <iostream>
#include <vector>

#include "app/judge_option.h"
#include "app/story_input.h"
#include "base/assets.h"
#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/jsonl.h"
#include "base/progress.h"
#include "judge/judge_card.h"
#include "judge/make_judge.h"
#include "reward/story_quality.h"

namespace polaris {
namespace {

/// The first eight stories of a file.
std::vector<JudgeRequest> stories_of(const std::string& file, const RunConfig& config) {
  constexpr std::size_t kStories = 8;
  std::vector<JudgeRequest> stories;
  JsonlReader reader(file, LastLine::kMustBeWhole);
  while (stories.size() < kStories) {
    auto json = reader.next_ordered();
    if (!json) break;
    stories.push_back(
        story_input(Record(std::move(*json), file, reader.line_number()), config).request());
  }
  if (stories.empty()) throw Error(ErrorCode::kInvalidData, fmt::format("{} holds no story", file));
  return stories;
}

/// All replies, with as many questions on their way as the judge takes.
std::vector<JudgeReply> ask_all(Judge& judge, const JudgeConfig& config,
                                const std::vector<JudgeRequest>& questions) {
  const auto now = [clock = SystemClock()] { return clock.steady_s(); };
  Progress progress(std::cerr, style_for(STDERR_FILENO), now,
                    {.label = "asking", .total = static_cast<std::int64_t>(questions.size())});
  std::vector<JudgeReply> replies;
  JudgeQueue queue(judge);
  const auto take = [&] {
    replies.push_back(queue.next());
    progress.advance();
  };
  for (const JudgeRequest& question : questions) {
    if (interrupt_requested())
      throw Error(ErrorCode::kInterrupted, "stopped; what was answered is stored");
    queue.ask(question);
    if (queue.size() > questions_ahead(config)) take();
  }
  while (queue.size() > 0) take();
  return replies;
}

}  // namespace

void check_judge(const RunConfig& run_config, const std::string& in, const std::string& out) {
  constexpr double kFit = 0.9;  // of the quotes
  watch_for_interrupt();
  JudgeConfig config = run_config.judge;
  config.repeats = 1;  // the card repeats by itself
  const JudgeSetup setup = judge_setup(run_config.reward, new_run_id("judge-check"));
  const auto judge = make_judge(config, setup, tell);
  const std::string file =
      in.empty() ? find_asset("../data/starter/short_train.jsonl").string() : in;
  const auto questions = card_questions(stories_of(file, run_config));
  const JudgeCard card = judge_card(ask_all(*judge, config, questions), setup.score_rule);
  std::cout << card_text(card);
  if (!out.empty()) write_atomically(out, to_json(card).dump(2) + '\n');
  if (card.quotes_checked > 0 && card.quotes_verified < kFit * card.quotes_checked)
    tell("fewer than 90 % of its quotes are in the stories: this judge is unfit");
}

}  // namespace polaris
