#pragma once

#include <cstdint>

#include "base/config.h"

namespace polaris {

enum class HriDecay { kLinear, kCosine };
std::vector<std::string> enum_names(HriDecay);

/// kTemplate: as the chat template writes the turn. kPublished: the doubled `<think>` and the
/// single newline of the released recipe (specs/recipe.md 6.0).
enum class ReferenceText { kTemplate, kPublished };
std::vector<std::string> enum_names(ReferenceText);

enum class LongReference { kSkip, kCut };
std::vector<std::string> enum_names(LongReference);

/// Human-reference injection: how strongly the human-written answer pulls on the policy.
struct HriConfig {
  bool enabled = true;
  double peak_weight = 0.4;
  std::int64_t warmup_steps = 15;
  std::int64_t decay_steps = 0;
  HriDecay decay = HriDecay::kLinear;
  double final_weight = 0.0;
  ReferenceText reference_text = ReferenceText::kTemplate;
  LongReference too_long_reference = LongReference::kSkip;

  void fields(FieldList& list);
};

/// Weight on the advantage of reference rows at `step` (1-based). With k = step - 1:
///
///   k < warmup:           peak * k / warmup
///   then for decay steps: from peak to final, linear or half a cosine (0 steps: stays at peak)
///
/// 0 means that no reference row is made at this step.
/// Source: arXiv:2606.04095; specs/recipe.md 7.3.
double hri_weight(const HriConfig& config, std::int64_t step);

}  // namespace polaris
