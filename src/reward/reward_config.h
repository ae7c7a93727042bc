#pragma once

#include <array>
#include <cstdint>

#include "base/config.h"
#include "text/thinking.h"

namespace polaris {

std::vector<std::string> enum_names(UnclosedThinking);

enum class TargetWords { kFieldFirst, kPromptOnly };
std::vector<std::string> enum_names(TargetWords);

enum class OverlongMode { kRow, kPerToken, kOff };
std::vector<std::string> enum_names(OverlongMode);

enum class JudgeTotals { kRecomputed, kAsClaimed };
std::vector<std::string> enum_names(JudgeTotals);

enum class LengthSentence { kThatSentence, kRestOfPrompt };
std::vector<std::string> enum_names(LengthSentence);

enum class OnJudgeFailure { kDrop, kChunkMean };
std::vector<std::string> enum_names(OnJudgeFailure);

/// Source of all rules: specs/recipe.md 6.

struct SelfRepetitionRule {
  std::int64_t n = 4;
  std::int64_t window = 64;
  double hinge = 0.08;
  double grams_weight = 0.8;
  double lines_weight = 0.4;
  double cap = 1.5;

  void fields(FieldList& list);
};

struct LengthRule {
  double lower_fraction = 0.15;
  std::array<std::int64_t, 2> lower_words = {350, 1000};
  double upper_fraction = 0.25;
  std::array<std::int64_t, 2> upper_words = {600, 1500};
  std::int64_t min_target = 150;

  void fields(FieldList& list);
  void validate() const;
};

struct BlankRule {
  std::int64_t min_words = 150;
  double min_visible = 0.10;

  void fields(FieldList& list);
};

struct OverlongRule {
  OverlongMode mode = OverlongMode::kRow;
  std::int64_t buffer_tokens = 512;
  double factor = 1.0;

  void fields(FieldList& list);
};

struct ThinkingCap {
  bool enabled = false;
  std::int64_t tokens = 3072;
  double penalty = 0.05;

  void fields(FieldList& list);
};

struct StoryQualityRule {
  double divisor = 100;
  bool bonus_floor = true;
  std::int64_t penalty_cap = 3;
  JudgeTotals totals = JudgeTotals::kRecomputed;
  LengthSentence length_sentence = LengthSentence::kThatSentence;
  bool disqualify = false;
  OnJudgeFailure on_failure = OnJudgeFailure::kDrop;
  double max_failed_fraction = 0.25;

  void fields(FieldList& list);
};

struct RewardConfig {
  double story_quality = 1.0;
  double self_repetition = 1.5;
  double length = 0.8;
  double blank = 1.0;
  double clamp = 2.0;
  UnclosedThinking unclosed_thinking = UnclosedThinking::kEmptyStory;
  TargetWords target_words = TargetWords::kFieldFirst;
  bool nfc = true;
  SelfRepetitionRule self_repetition_rule;
  LengthRule length_rule;
  BlankRule blank_rule;
  OverlongRule overlong;
  ThinkingCap thinking_cap;
  StoryQualityRule story_quality_rule;

  void fields(FieldList& list);
};

}  // namespace polaris
