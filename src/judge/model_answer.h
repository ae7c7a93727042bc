#pragma once

#include <optional>
#include <string>

#include "judge/judge.h"

namespace polaris {

/// How a model's text ended.
enum class ModelFinish {
  kStop,     ///< by itself, or for a reason that says nothing about the text
  kLength,   ///< at the output limit or at the end of the context
  kRefused,  ///< the model declined
  kBlocked,  ///< the vendor's filter stopped the question or the answer
};

/// An answer in no vendor's words.
struct ModelAnswer {
  std::string text;  ///< without reasoning
  ModelFinish finish = ModelFinish::kStop;
  std::string refusal;  ///< what was said or named as the reason, if anything
  JudgeUsage usage;     ///< output_tokens includes reasoning_tokens with every vendor

  std::optional<std::string> served_model;
  std::optional<std::string> service_tier;  ///< the one that was charged, in the vendor's word
  std::optional<std::string> request_id;
};

}  // namespace polaris
