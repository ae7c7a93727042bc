#include "reward/reward_config.h"

#include "base/error.h"

namespace polaris {
namespace {

const Range& weight_range() {
  static const Range range = at_least(0, "a negative weight would pay for a fault");
  return range;
}
const Range& count_range() {
  static const Range range = at_least(1, "it counts");
  return range;
}
const Range& share_range() {
  static const Range range = between(0, 1, "it is a share");
  return range;
}

}  // namespace

std::vector<std::string> enum_names(UnclosedThinking) { return {"empty", "as_story"}; }
std::vector<std::string> enum_names(TargetWords) { return {"field_first", "prompt_only"}; }
std::vector<std::string> enum_names(OverlongMode) { return {"row", "per_token", "off"}; }
std::vector<std::string> enum_names(JudgeTotals) { return {"recomputed", "as_claimed"}; }
std::vector<std::string> enum_names(LengthSentence) { return {"that_sentence", "rest_of_prompt"}; }
std::vector<std::string> enum_names(OnJudgeFailure) { return {"drop", "chunk_mean"}; }

void SelfRepetitionRule::fields(FieldList& list) {
  list("n", n, "length of the n-grams, in tokens of the rule",
       {.range = between(1, 16, "longer grams hardly ever repeat")});
  list("window", window, "grams looked back for local repetition", {.range = count_range()});
  list("hinge", hinge, "share of repeated grams that costs nothing", {.range = share_range()});
  list("grams_weight", grams_weight, "weight of repeated grams", {.range = weight_range()});
  list("lines_weight", lines_weight, "weight of repeated lines", {.range = weight_range()});
  list("cap", cap, "largest penalty", {.range = weight_range()});
}

void LengthRule::fields(FieldList& list) {
  list("lower_fraction", lower_fraction, "words that may be missing, as a share of the target",
       {.range = share_range()});
  list("lower_words", lower_words, "... at least and at most, in words",
       {.range = at_least(0, "it counts words")});
  list("upper_fraction", upper_fraction, "words that may be too many, as a share of the target",
       {.range = at_least(0, "it is a share")});
  list("upper_words", upper_words, "... at least and at most, in words",
       {.range = at_least(0, "it counts words")});
  list("min_target", min_target, "smallest target, words", {.range = count_range()});
}

void LengthRule::validate() const {
  if (lower_words[0] > lower_words[1] || upper_words[0] > upper_words[1])
    throw Error(ErrorCode::kInvalidConfig,
                "reward.length_rule.lower_words and upper_words are [at least, at most]; the "
                "first must not be the larger one");
}

void BlankRule::fields(FieldList& list) {
  list("min_words", min_words, "a shorter story is blank",
       {.range = at_least(0, "it counts words")});
  list("min_visible", min_visible, "a story with a smaller share of visible characters is blank",
       {.range = share_range()});
}

void OverlongRule::fields(FieldList& list) {
  constexpr auto kOff = "reward.overlong.mode = off";
  const bool off = mode == OverlongMode::kOff;
  list("mode", mode, "a penalty near the response limit: on the row, spread as published, or none");
  list("buffer_tokens", buffer_tokens, "tokens before the limit over which it grows",
       unused_if(off, kOff, count_range()));
  list("factor", factor, "penalty at the limit", unused_if(off, kOff, weight_range()));
}

void ThinkingCap::fields(FieldList& list) {
  constexpr auto kOff = "reward.thinking_cap.enabled = false";
  list("enabled", enabled, "penalise long thinking");
  list("tokens", tokens, "thinking tokens that cost nothing",
       unused_if(!enabled, kOff, count_range()));
  list("penalty", penalty, "penalty at twice as many", unused_if(!enabled, kOff, weight_range()));
}

void StoryQualityRule::fields(FieldList& list) {
  list("divisor", divisor, "rubric points per reward unit",
       {.range = above(0, "points are divided by it")});
  list("bonus_floor", bonus_floor, "no bonus where faults outweigh half of the merits");
  list("penalty_cap", penalty_cap, "largest extra penalty of a story that is good on the whole",
       {.range = between(0, 8, "the rubric's penalty has 8 points")});
  list("totals", totals, "add the dimensions up, or trust the judge's own totals");
  list("length_sentence", length_sentence, "what of the prompt the judge does not see");
  list("disqualify", disqualify, "lowest score for incoherent or far too short stories");
  list("on_failure", on_failure, "a story without a verdict: leave it out, or as published");
  list("max_failed_fraction", max_failed_fraction,
       "share of a step's rows without a reward above which the run stops",
       {.range = share_range()});
}

void RewardConfig::fields(FieldList& list) {
  list("story_quality", story_quality, "weight of the judge's verdict", {.range = weight_range()});
  list("self_repetition", self_repetition, "weight of the repetition penalty",
       {.range = weight_range()});
  list("length", length, "weight of the length penalty", {.range = weight_range()});
  list("blank", blank, "weight of the blank penalty", {.range = weight_range()});
  list("clamp", clamp, "the reward is clamped to +- this",
       {.range = above(0, "at 0 all rewards would be equal")});
  list("unclosed_thinking", unclosed_thinking,
       "a response that never closes its thinking: an empty story, or all of it is the story");
  list("target_words", target_words, "the record's field before the prompt's words, or never");
  list("nfc", nfc, "count words on NFC text");
  list("self_repetition_rule", self_repetition_rule, "");
  list("length_rule", length_rule, "");
  list("blank_rule", blank_rule, "");
  list("overlong", overlong, "");
  list("thinking_cap", thinking_cap, "");
  list("story_quality_rule", story_quality_rule, "");
}

}  // namespace polaris
