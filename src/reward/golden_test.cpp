// The rule parts against golden/reward: every case of cases.jsonl is run here, or belongs to a
// function that is named with its place and number of cases (kElsewhere), or is left out by name
// with the reason (kLeftOut). A case's settings reach the rules as configuration keys, through the
// reader that a run uses: what the keys cannot say is refused there.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "reward/composite.h"
#include "reward/golden_settings_test.h"
#include "reward/rules.h"
#include "reward/self_repetition.h"
#include "text/golden_text_test.h"
#include "text/thinking.h"
#include "text/unicode.h"

namespace polaris {
namespace {

struct Elsewhere {
  std::string_view function;
  int cases;
  std::string_view place;
};
constexpr std::array kElsewhere = {
    Elsewhere{"parse_think_and_prediction", 47, "text/thinking_test.cpp"},
    Elsewhere{"text_counters", 30, "text/words_test.cpp"},
    Elsewhere{"strip_length_sentence", 24, "text/length_sentence_test.cpp"},
    Elsewhere{"judge_text_cleanup", 27, "reads a judge's answer"},
    Elsewhere{"story_quality_score", 94, "reads a judge's answer"},
    Elsewhere{"supports_native_schema", 12, "asks a judge"},
    Elsewhere{"sanitize_schema", 10, "asks a judge"},
};

constexpr std::string_view kTyped = "a key has a type: its number is no text and no truth value";
constexpr std::string_view kNegative = "a tolerance is no negative share";
constexpr std::string_view kNoKey = "no preset uses it, and it has no key";
constexpr std::string_view kJudge = "what becomes of a judge's failure or answer";

struct LeftOut {
  std::string_view name;  ///< of one case, or of the cases <name>_w<words>
  int cases;
  std::string_view reason;
};
constexpr std::array kLeftOut = {
    LeftOut{"length/mode_string_frac", 6, kTyped},
    LeftOut{"length/mode_string_int", 6, kTyped},
    LeftOut{"length/mode_string_neg1", 6, kTyped},
    LeftOut{"length/mode_bool_true", 6, kTyped},
    LeftOut{"length/mode_float_neg1", 6, kNegative},
    LeftOut{"length/mode_float_neg1_clamped", 6, kNegative},
    LeftOut{"length/mode_float_2_0", 6, "lower_fraction is at most 1"},
    LeftOut{"length/mode_max_words", 6, kNoKey},
    LeftOut{"length/mode_max_words_small", 6, kNoKey},
    LeftOut{"length/no_prompt_cfg_target", 1, kNoKey},
    LeftOut{"length/prompt_disabled", 1, kNoKey},
    LeftOut{"length/custom_regex", 1, kNoKey},
    LeftOut{"length/arabic_digits", 1, "text/length_sentence reads the digits 0 to 9"},
    LeftOut{"selfrep/window_0", 1, "window is at least 1"},
    LeftOut{"selfrep/negative_weight_n0", 1, "n is at least 1"},
    LeftOut{"composite/overlong_zero_buffer", 1, "buffer_tokens is at least 1"},
    LeftOut{
        "composite/think_only_cut", 1,
        "a row without a story token gets 0, better than what its parts say; no key asks for it"},
    LeftOut{"composite/gt_override", 1, kNoKey},
    LeftOut{"composite/gt_override_all", 1, kNoKey},
    LeftOut{"composite/end_marker", 1, kNoKey},
    LeftOut{"composite/end_marker_newline", 1, kNoKey},
    LeftOut{"composite/judge_fail_no_fallback", 1, kNoKey},
    LeftOut{"composite/judge_fail_mean", 1, kJudge},
    LeftOut{"composite/judge_fail_timeout", 1, kJudge},
    LeftOut{"composite/judge_fail_all", 1, kJudge},
    LeftOut{"composite/judge_fail_parse", 1, kJudge},
    LeftOut{"composite/judge_empty_answer", 1, kJudge},
    LeftOut{"composite/judge_missing_total", 1, kJudge},
    LeftOut{"composite/nan_score", 1, kJudge},
    LeftOut{"composite/dq_on", 1, kJudge},
};

const LeftOut* left_out(std::string_view name) {
  const auto found = std::find_if(kLeftOut.begin(), kLeftOut.end(), [&](const LeftOut& entry) {
    if (!name.starts_with(entry.name)) return false;
    const std::string_view rest = name.substr(entry.name.size());
    return entry.cases == 1 ? rest.empty()
                            : rest.starts_with("_w") &&
                                  rest.find_first_not_of("0123456789", 2) == std::string_view::npos;
  });
  return found == kLeftOut.end() ? nullptr : &*found;
}

/// The cases of a function that are not left out. `quirk` marks a result that looks wrong: such
/// cases hold under the faithful keys.
std::vector<OrderedJson> cases_of(const std::string& function) {
  std::vector<OrderedJson> cases = golden_reward_cases(function);
  std::erase_if(cases, [](const OrderedJson& c) {
    return left_out(c["name"].get_ref<const std::string&>()) != nullptr;
  });
  return cases;
}

void expect_near(const std::optional<double>& actual, const OrderedJson& expected,
                 double tolerance = 1e-9) {
  ASSERT_TRUE(actual.has_value());
  EXPECT_NEAR(*actual, expected.get<double>(), tolerance);
}

TEST(RewardGolden, EveryCaseIsRunHereOrNamedWithItsReason) {
  std::map<std::string_view, int> elsewhere;
  std::map<std::string_view, int> left;
  int run = 0;
  for (const OrderedJson& c : golden_lines("reward/cases.jsonl")) {
    const auto function = c["function"].get<std::string>();
    const auto place = std::find_if(kElsewhere.begin(), kElsewhere.end(),
                                    [&](const Elsewhere& e) { return e.function == function; });
    if (place != kElsewhere.end()) {
      ++elsewhere[place->function];
    } else if (const LeftOut* entry = left_out(c["name"].get_ref<const std::string&>())) {
      ++left[entry->name];
    } else {
      EXPECT_TRUE(function == "blank_length" || function == "self_repeat" ||
                  function == "composite_reward")
          << c["name"] << ": nothing runs cases of " << function;
      ++run;
    }
  }
  for (const Elsewhere& entry : kElsewhere)
    EXPECT_EQ(elsewhere[entry.function], entry.cases) << entry.function << ": " << entry.place;
  for (const LeftOut& entry : kLeftOut)
    EXPECT_EQ(left[entry.name], entry.cases) << entry.name << ": " << entry.reason;
  EXPECT_EQ(run, 302);
}

TEST(RewardGolden, WhatTheKeysCannotSayIsRefused) {
  for (const char* setting :
       {"length_rule.lower_fraction='0.1'", "length_rule.lower_fraction=true",
        "length_rule.lower_fraction=-1.0", "length_rule.lower_fraction=2.0",
        "self_repetition_rule.window=0", "self_repetition_rule.n=0", "overlong.buffer_tokens=0"})
    EXPECT_THROW(config_of(kFaithful, {setting}), Error) << setting;
}

/// What the corrected keys give where they differ from the reference on purpose.
const std::map<std::string, double> kCorrectedLength = {
    {"length/no_prompt_no_cfg", 0.0},    // no target, no penalty
    {"length/reference_fallback", 0.0},  // likewise
    {"length/zero_target", 0.0},         // likewise
};

TEST(RewardGolden, BlankAndLengthPenalties) {
  for (const OrderedJson& c : cases_of("blank_length")) {
    const auto name = c["name"].get<std::string>();
    SCOPED_TRACE(name);
    const OrderedJson& input = c["input"];
    const OrderedJson& expected = c["expected"];
    const std::string story = golden_reward_text(input["output"]);
    const auto prompt = input["prompt"].get<std::string>();
    std::string target_text;
    if (input.contains("reference_text")) target_text = golden_reward_text(input["reference_text"]);
    const RuleInput rule_input{.request = {.prompt = prompt, .target_text = target_text},
                               .story = story};

    const RewardConfig faithful = config_of(kFaithful, blank_length_keys(input["config"]));
    const RewardParts parts = rule_parts(rule_input, faithful);
    expect_near(parts.blank, expected["blank_pen"]);
    expect_near(parts.length, expected["length_pen"]);
    EXPECT_EQ(count_text(story, word_form(faithful)).words, expected["word_count"]);

    if (c.contains("quirk")) continue;
    const RewardParts corrected =
        rule_parts(rule_input, config_of(kCorrected, blank_length_keys(input["config"])));
    const auto differs = kCorrectedLength.find(name);
    expect_near(corrected.blank, expected["blank_pen"]);
    expect_near(corrected.length, differs == kCorrectedLength.end() ? expected["length_pen"]
                                                                    : OrderedJson(differs->second));
  }
}

TEST(RewardGolden, SelfRepetitionUnderBothPresets) {
  for (const OrderedJson& c : cases_of("self_repeat")) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const std::string story = golden_reward_text(c["input"]["output"]);
    for (const auto& preset : {kFaithful, kCorrected}) {  // no key of the rule differs
      const RewardConfig config = config_of(preset, self_repetition_keys(c["input"]["config"]));
      const SelfRepetition actual = self_repetition(story, config.self_repetition_rule);
      expect_near(actual.penalty, c["expected"]["self_rep"]);
      expect_near(actual.grams, c["expected"]["ngram_budget"]);
      expect_near(actual.local, c["expected"]["local_budget"]);
      expect_near(actual.lines, c["expected"]["line_budget"]);
    }
  }
}

/// SQ of an answer that holds its totals.
std::optional<double> quality_of(const OrderedJson& judge_text, const StoryQualityRule& rule) {
  if (judge_text.is_null()) return std::nullopt;
  const Json answer = Json::parse(judge_text.get<std::string>());
  return story_quality(answer["positive_total"], answer["negative_total"], answer["bonus_total"],
                       answer["penalty_total"], rule)
      .value(rule);
}

/// s0 as the reference counts it: from the offsets of a fast tokenizer, 0 without them.
std::size_t reference_thinking(const OrderedJson& row, bool fast_tokenizer) {
  if (!fast_tokenizer || !row.contains("token_offsets")) return 0;
  std::vector<ByteRange> spans;
  for (const OrderedJson& span : row["token_offsets"]) spans.push_back({span[0], span[1]});
  return published_thinking_tokens(row["text"].get<std::string>(), spans, row["n_valid"]);
}

TEST(RewardGolden, WholeRewardsUnderTheFaithfulKeys) {
  int rows_seen = 0;
  for (const OrderedJson& c : cases_of("composite_reward")) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const OrderedJson& input = c["input"];
    const OrderedJson& settings = input["config"];
    const OrderedJson& extra = c["expected"]["extra"];
    expect_known_settings(settings);
    const RewardConfig faithful = config_of(kFaithful, composite_keys(settings));
    const RewardConfig corrected = config_of(kCorrected, composite_keys(settings));
    for (std::size_t i = 0; i < input["rows"].size(); ++i) {
      const OrderedJson& row = input["rows"][i];
      const auto text = row["text"].get<std::string>();
      const auto prompt = row["prompt"].get<std::string>();
      const std::size_t thinking = reference_thinking(row, input["fast_tokenizer"]);
      RuleInput rule_input{
          .request = {.prompt = prompt},
          .story = split_response(text, false, faithful.unclosed_thinking).story,
          .tokens = ResponseTokens{.count = row["n_valid"],
                                   .thinking = static_cast<std::int64_t>(thinking),
                                   .limit = settings["overlong_max_response_length"],
                                   .is_cut = !row["has_eos"].get<bool>()}};
      RewardParts parts = rule_parts(rule_input, faithful);
      expect_near(parts.self_repetition, extra["self_rep"][i]);
      expect_near(parts.length, extra["length_pen"][i]);
      expect_near(parts.blank, extra["blank_pen"][i]);
      EXPECT_FALSE(parts.thinking);

      parts.story_quality = quality_of(row["judge_text"], faithful.story_quality_rule);
      expect_near(composite_reward(parts, faithful), c["expected"]["last_valid_token_reward"][i],
                  1e-6);

      // Where thinking tokens have another value than the story's, their number shows.
      const OrderedJson& runs = c["expected"]["reward_rows_rle"][i];
      if (settings["think_reward_mode"] == "zero" && input["fast_tokenizer"] == true) {
        EXPECT_EQ(thinking + runs.back()[1].get<std::size_t>(), row["n_valid"]);
      }

      ++rows_seen;
      if (c.contains("quirk")) continue;
      rule_input.story = split_response(text, false, corrected.unclosed_thinking).story;
      parts = rule_parts(rule_input, corrected);
      expect_near(parts.self_repetition, extra["self_rep"][i]);
      expect_near(parts.length, extra["length_pen"][i]);
      expect_near(parts.blank, extra["blank_pen"][i]);
    }
  }
  EXPECT_EQ(rows_seen, 55);
}

}  // namespace
}  // namespace polaris
