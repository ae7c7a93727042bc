#include "judge/lexical_judge.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <utility>

#include "judge/lexical/measures.h"
#include "text/length_sentence.h"
#include "text/unicode.h"

namespace polaris {
namespace {

using lexical::Finding;
using lexical::StoryText;

std::int64_t points(const Finding& finding, std::int64_t max) {
  return std::llround(finding.share * static_cast<double>(max));
}

AdjustmentNote adjustment(Finding finding, std::int64_t points, std::string_view nearest,
                          std::string_view why_not_covered) {
  if (points == 0) return {.nearest = "none"};
  return {.claim = finding.why + ".",
          .quotes = std::move(finding.quotes),
          .nearest = std::string(nearest),
          .why_not_covered = std::string(why_not_covered)};
}

Json adjustment_object(const AdjustmentNote& note, std::int64_t points) {
  return {{"claim", note.claim},
          {"quotes", note.quotes},
          {"nearest", note.nearest},
          {"why_not_covered", note.why_not_covered},
          {"score", points}};
}

}  // namespace

Answer read_lexically(const JudgeRequest& request) {
  const std::string story_text = to_valid_utf8(request.story);
  const std::string prompt_text =
      without_length_sentence(to_valid_utf8(request.prompt), LengthSentenceRule::kThatSentence);
  const StoryText story(story_text);
  const StoryText prompt(prompt_text);

  std::array<Finding, 6> positive = {
      lexical::premise(story, prompt), lexical::arc_and_ending(story), lexical::agency(story),
      lexical::voice(story),           lexical::senses(story),         lexical::inner_life(story)};
  std::array<Finding, 10> negative = {lexical::broken_request(story, prompt),
                                      lexical::incoherence(story),
                                      lexical::stock_wording(story),
                                      lexical::abstraction(story),
                                      lexical::circling(story),
                                      lexical::collapse(story),
                                      lexical::dialogue_faults(story),
                                      lexical::mechanics(story),
                                      lexical::stock_events(story),
                                      lexical::broken_language(story)};

  Answer answer;
  if (story.words().empty()) {
    for (Finding& finding : positive) finding = {.why = "there is no story"};
    for (Finding& finding : negative) finding = {.why = "there is no story"};
    negative[0].share = 1.0;
  }
  for (std::size_t i = 0; i < positive.size(); ++i) {
    answer.verdict.positive[i] = points(positive[i], kPositiveMax[i]);
    answer.positive[i] = {std::move(positive[i].quotes), std::move(positive[i].why)};
  }
  for (std::size_t i = 0; i < negative.size(); ++i) {
    answer.verdict.negative[i] = points(negative[i], kNegativeMax[i]);
    answer.negative[i] = {std::move(negative[i].quotes), std::move(negative[i].why)};
  }
  Finding bonus = lexical::ring(story);
  Finding penalty = lexical::standstill(story);
  answer.verdict.bonus = points(bonus, kCatchAllMax);
  answer.verdict.penalty = points(penalty, kCatchAllMax);
  answer.bonus = adjustment(std::move(bonus), answer.verdict.bonus, "P2",
                            "P2 counts whether the story ends, not what its end returns to.");
  answer.penalty = adjustment(std::move(penalty), answer.verdict.penalty, "N5",
                              "N5 and N6 each see a part of the story; here it is the whole.");
  answer.comment = fmt::format(
      "Text statistics, not a reading: {} words, {} sentences, {} paragraphs were counted. The "
      "points say how the page looks, not what the story is worth.",
      story.words().size(), story.sentences().size(), story.paragraphs());
  return answer;
}

Json lexical_answer_object(const Answer& reading, const Rubric& rubric) {
  Json object;
  const auto add = [&](const RubricDimension& dimension, const DimensionNote& note,
                       std::int64_t points) {
    object[dimension.key] = {{"quotes", note.quotes}, {"why", note.why}, {"score", points}};
  };
  for (std::size_t i = 0; i < reading.positive.size(); ++i)
    add(rubric.positive[i], reading.positive[i], reading.verdict.positive[i]);
  for (std::size_t i = 0; i < reading.negative.size(); ++i)
    add(rubric.negative[i], reading.negative[i], reading.verdict.negative[i]);
  object[rubric.bonus.key] = adjustment_object(reading.bonus, reading.verdict.bonus);
  object[rubric.penalty.key] = adjustment_object(reading.penalty, reading.verdict.penalty);
  object["overall_comment"] = reading.comment;
  return object;
}

void LexicalJudge::submit(JudgeRequest request, OnReply on_reply) {
  const auto start = std::chrono::steady_clock::now();
  JudgeReply reply{.verdict = read_lexically(request).verdict};
  reply.latency_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  on_reply(std::move(reply));
}

}  // namespace polaris
