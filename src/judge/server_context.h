// How long a question and its answer may be together: what a server itself says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/http.h"
#include "judge/judge_config.h"

namespace polaris {

/// Where servers of OpenAI's interface tell it: llama-server at /props, vLLM beside its model's
/// name. To be asked in this order until one does. Empty for vendors' own interfaces.
std::vector<std::string> context_urls(const JudgeConfig& config);

/// The tokens that an answer from there names:
///
///   /props   default_generation_settings.n_ctx, the share of one slot
///   /models  max_model_len of the model, or of the only one
///
/// Absent if it names none. What a model was trained with (meta.n_ctx_train) is not what it is
/// served with, and does not count. Source: specs/evaluation.md 10.5.
std::optional<std::int64_t> context_in(const HttpResult& result, const std::string& model);

}  // namespace polaris
