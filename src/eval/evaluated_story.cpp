#include "eval/evaluated_story.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "eval/length_ratio.h"
#include "rl/score_json.h"
#include "text/length_sentence.h"

namespace polaris {
namespace {

std::optional<std::int64_t> optional_integer(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<std::int64_t>();
}

/// The dimensions of specs/evaluation.md 2.2 in the order of scored_dimensions().
constexpr std::array kDimensionLabels = {"P1 premise",
                                         "P2 arc and ending",
                                         "P3 character agency",
                                         "P4 voice and style",
                                         "P5 scene and senses",
                                         "P6 theme and subtext",
                                         "N1 prompt breach",
                                         "N2 incoherence",
                                         "N3 generic language",
                                         "N4 abstraction",
                                         "N5 over-explaining",
                                         "N6 drift and bloat",
                                         "N7 dialogue faults",
                                         "N8 mechanics",
                                         "N9 predictability",
                                         "N10 overwrought prose",
                                         "bonus",
                                         "penalty"};

double yes(bool value) { return value ? 1.0 : 0.0; }

}  // namespace

EvaluatedStory evaluated_story(const Prompt& prompt, std::int64_t sample, const Rollout& rollout,
                               const Score& score, const ResponseReading& reading) {
  const SplitResponse response =
      split_response(rollout.text, reading.prompts_open_thinking, reading.unclosed);
  return {.prompt_id = prompt.id,
          .sample = sample,
          .prompt = prompt.text,
          .target_words = prompt.target_words
                              ? prompt.target_words
                              : target_words(prompt.text, TargetWordsRule::kCorrected),
          .thinking = std::string(response.thinking.value_or("")),
          .story = std::string(response.story),
          .words = count_text(response.story, reading.word_form).words,
          .tokens = static_cast<std::int64_t>(rollout.tokens.size()),
          .thinking_closed = !response.unclosed,
          .truncated = rollout.stop == StopReason::kMaxTokens,
          .score = score};
}

std::vector<EvaluatedStory> evaluated_stories(std::span<const ScoredGroup> groups,
                                              const ResponseReading& reading) {
  std::vector<EvaluatedStory> stories;
  for (const auto& [group, scores] : groups) {
    for (std::size_t i = 0; i < group.rollouts.size(); ++i) {
      if (group.rollouts[i].origin != Origin::kPolicy) continue;
      stories.push_back(evaluated_story(group.prompt, static_cast<std::int64_t>(i),
                                        group.rollouts[i], scores[i], reading));
    }
  }
  return stories;
}

Json to_json(const EvaluatedStory& story) {
  Json json = {{"id", story.prompt_id},
               {"sample", story.sample},
               {"prompt", story.prompt},
               {"target_word_count", or_null(story.target_words)},
               {"thinking", story.thinking},
               {"story", story.story},
               {"words_re", story.words},
               {"tokens", story.tokens},
               {"thinking_closed", story.thinking_closed},
               {"stop", story.truncated ? "length" : "eos"}};
  put_score(json, story.score);
  return json;
}

EvaluatedStory evaluated_story_from_json(const Json& json, std::string_view where) {
  try {
    return {.prompt_id = json.at("id").get<std::string>(),
            .sample = json.at("sample").get<std::int64_t>(),
            .prompt = json.at("prompt").get<std::string>(),
            .target_words = optional_integer(json.at("target_word_count")),
            .thinking = json.at("thinking").get<std::string>(),
            .story = json.at("story").get<std::string>(),
            .words = json.at("words_re").get<std::int64_t>(),
            .tokens = json.at("tokens").get<std::int64_t>(),
            .thinking_closed = json.at("thinking_closed").get<bool>(),
            .truncated = json.at("stop") == "length",
            .score = score_from_json(json)};
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: not the record of an evaluated story: {}", where, e.what()));
  }
}

const std::vector<Measure>& measures() {
  static const std::vector<Measure> all = [] {
    const auto part = [](std::optional<double> RewardParts::*member) {
      return [member](const EvaluatedStory& s) { return s.score.parts.*member; };
    };
    const auto length = [](std::optional<double> (*of)(std::int64_t, std::int64_t)) {
      return [of](const EvaluatedStory& s) {
        return s.target_words ? of(s.words, *s.target_words) : std::nullopt;
      };
    };
    using enum Better;
    std::vector<Measure> all = {
        {"reward", "reward", kHigher, [](const EvaluatedStory& s) { return s.score.reward; }},
        {"story_quality", "story quality", kHigher, part(&RewardParts::story_quality)},
        {"self_rep", "self-repetition", kLower, part(&RewardParts::self_repetition)},
        {"length_pen", "length penalty", kLower, part(&RewardParts::length)},
        {"blank_pen", "blank penalty", kLower, part(&RewardParts::blank)},
        {"overlong", "overlong penalty", kHigher, part(&RewardParts::overlong)},
        {"thinking_cap", "thinking penalty", kHigher, part(&RewardParts::thinking)},
        {"length_ratio", "words / requested", kNeither, length(length_ratio)},
        {"length_score", "length score", kHigher, length(length_score)},
        {"words", "words", kNeither,
         [](const EvaluatedStory& s) { return static_cast<double>(s.words); }},
        {"response_length", "tokens", kNeither,
         [](const EvaluatedStory& s) { return static_cast<double>(s.tokens); }},
        {"closed_thinking", "thinking closed", kHigher,
         [](const EvaluatedStory& s) { return yes(s.thinking_closed); }},
        {"truncated", "cut by the token limit", kLower,
         [](const EvaluatedStory& s) { return yes(s.truncated); }},
        {"failed", "without a score", kLower,
         [](const EvaluatedStory& s) { return yes(!s.score.reward); }},
    };
    POLARIS_CHECK(scored_dimensions().size() == kDimensionLabels.size());
    for (std::size_t i = 0; i < kDimensionLabels.size(); ++i) {
      const ScoredDimension& dimension = scored_dimensions()[i];
      all.push_back({dimension.name, kDimensionLabels[i], dimension.is_merit ? kHigher : kLower,
                     [of = dimension.of](const EvaluatedStory& s) -> std::optional<double> {
                       if (!s.score.points) return std::nullopt;
                       RubricPoints points = *s.score.points;
                       return static_cast<double>(of(points));
                     }});
    }
    return all;
  }();
  return all;
}

}  // namespace polaris
