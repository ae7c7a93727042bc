#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/json.h"
#include "base/strings.h"
#include "reward/reward_config.h"

namespace polaris {

// The settings of golden/reward, which are the reference's, as keys of ours: lines for --set.

inline const std::vector<std::string> kFaithful = {
    "unclosed_thinking=as_story", "target_words=prompt_only", "nfc=false",
    "overlong.mode=per_token", "story_quality_rule.totals=as_claimed"};
inline const std::vector<std::string> kCorrected;

/// A preset and a case's settings on top.
inline RewardConfig config_of(const std::vector<std::string>& preset,
                              const std::vector<std::string>& settings) {
  ConfigSource source;
  for (const std::string& assignment : preset) source.set(assignment);
  for (const std::string& assignment : settings) source.set(assignment);
  return read_config<RewardConfig>(source);
}

/// `side` is "lower" or "upper". A whole number means words, -1 none; a fraction means a share of
/// the target, unbounded unless there are bounds.
inline std::vector<std::string> tolerance_keys(const OrderedJson& settings,
                                               const std::string& side) {
  const std::string own = "len_tolerance_" + side;
  const OrderedJson both = settings.value("len_tolerance", OrderedJson(300));
  const OrderedJson value = settings.value(own, both);
  const std::string words = fmt::format("length_rule.{}_words", side);
  if (value.is_number_integer()) {
    const auto fixed = std::max<std::int64_t>(0, value.get<std::int64_t>());
    return {fmt::format("{}=[{},{}]", words, fixed, fixed)};
  }
  return {fmt::format("length_rule.{}_fraction={}", side, value.get<double>()),
          fmt::format("{}=[{},{}]", words, settings.value(own + "_abs_min", 0),
                      settings.value(own + "_abs_max", 1'000'000))};
}

inline std::vector<std::string> blank_length_keys(const OrderedJson& settings) {
  std::vector<std::string> keys = tolerance_keys(settings, "lower");
  for (std::string& key : tolerance_keys(settings, "upper")) keys.push_back(std::move(key));
  const int min_words = settings.value("min_words", 500);
  keys.push_back(fmt::format("blank_rule.min_words={}", min_words));
  keys.push_back(fmt::format("length_rule.min_target={}", min_words));
  keys.push_back(
      fmt::format("blank_rule.min_visible={}", settings.value("min_visible_ratio", 0.1)));
  return keys;
}

/// What a setting is if it is absent stands in the note of selfrep/word_loop_default_cfg.
inline std::vector<std::string> self_repetition_keys(const OrderedJson& settings) {
  const auto key = [&](const char* ours, const char* theirs, auto otherwise) {
    return fmt::format("self_repetition_rule.{}={}", ours, settings.value(theirs, otherwise));
  };
  return {key("n", "rep_n_local", 4),           key("window", "rep_local_window", 80),
          key("hinge", "rep_ngram_hinge", 0.1), key("lines_weight", "rep_w_lines", 0.5),
          key("cap", "rep_cap", 1.0),           key("grams_weight", "rep_w_ngram", 1.0)};
}

/// Settings of the whole reward without influence on the score: they move values of tokens that
/// are not read, or the logged `composite` (specs/recipe.md 6.5, 6.6; the file's README).
inline const std::set<std::string> kNeverScored = {"think_reward_mode", "think_reward_scale",
                                                   "think_len_cap",     "think_len_penalty",
                                                   "pos_gate",          "length_scale"};

/// Settings that no case run here moves from their only value: what the rules always do.
inline const std::map<std::string, OrderedJson> kAlways = {
    {"target_words", -1},
    {"story_quality_overall_min", -159},
    {"story_quality_overall_max", 108},
    {"story_quality_use_positive_total", false},
    {"story_quality_overall_override_enable", true},
    {"story_quality_dq_enable", false},
    {"story_quality_dq_n2_threshold", 7},
    {"story_quality_dq_n10_threshold", 8},
    {"story_quality_dq_wc_min_frac", 0.4},
    {"story_quality_dq_exempt_gt", true},
    {"gt_override_best", false}};

inline std::vector<std::string> composite_keys(const OrderedJson& settings) {
  std::vector<std::string> keys = blank_length_keys(settings);
  for (std::string& key : self_repetition_keys(settings)) keys.push_back(std::move(key));
  const auto add = [&](const std::string& key, const auto& value) {
    keys.push_back(fmt::format("{}={}", key, value));
  };
  const OrderedJson weights = settings.value("reward_weights", OrderedJson::object());
  const OrderedJson components = settings["reward_components"];
  add("story_quality",
      components["enable_story_quality"] == true ? weights.value("story_quality", 0.0) : 0.0);
  add("self_repetition", weights.value("self_rep", 0.0));
  add("length", weights.value("length_pen", 0.0));
  add("blank", weights.value("blank_pen", 0.0));
  add("clamp", settings["composite_clip"].get<double>());
  add("story_quality_rule.divisor", settings["story_quality_score_divisor"].get<double>());
  add("story_quality_rule.bonus_floor", settings["story_quality_bonus_floor_enable"].get<bool>());
  if (settings["story_quality_penalty_cap_enable"] == true)
    add("story_quality_rule.penalty_cap", settings["story_quality_penalty_cap_value"].get<int>());
  if (settings["overlong_buffer_enable"] == false) add("overlong.mode", "off");
  add("overlong.buffer_tokens", settings["overlong_buffer_len"].get<int>());
  add("overlong.factor", settings["overlong_penalty_factor"].get<double>());
  return keys;
}

/// A setting that composite_keys() does not look at must not pass unnoticed.
inline void expect_known_settings(const OrderedJson& settings) {
  static const std::vector<std::string_view> kTranslated = split(
      "min_visible_ratio min_words len_tolerance len_tolerance_lower len_tolerance_lower_abs_min "
      "len_tolerance_lower_abs_max len_tolerance_upper len_tolerance_upper_abs_min "
      "len_tolerance_upper_abs_max rep_n_local rep_local_window rep_ngram_hinge rep_w_lines "
      "rep_w_ngram rep_cap story_quality_score_divisor story_quality_bonus_floor_enable "
      "story_quality_penalty_cap_enable story_quality_penalty_cap_value reward_components "
      "reward_weights composite_clip overlong_buffer_enable overlong_buffer_len "
      "overlong_penalty_factor overlong_max_response_length",
      ' ');
  for (const auto& [key, value] : settings.items()) {
    const auto always = kAlways.find(key);
    if (always != kAlways.end()) {
      EXPECT_EQ(value, always->second) << key;
    } else {
      EXPECT_TRUE(kNeverScored.contains(key) || std::ranges::count(kTranslated, key) == 1) << key;
    }
  }
}

}  // namespace polaris
