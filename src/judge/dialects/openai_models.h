#pragma once

#include "judge/dialect.h"

namespace polaris {

/// True for the models that think before they answer and then refuse temperature, top_p and
/// max_tokens: the GPT-5 and o families. "olmo-3" is none of them.
bool is_openai_reasoning_model(std::string_view model);

/// `asked`, and for reasoning models at most the 128,000 tokens that they give; more is refused.
std::int64_t openai_output_limit(std::string_view model, std::int64_t asked);

/// The schema as both OpenAI interfaces want it: name, strict, schema.
OrderedJson openai_schema(const OrderedJson& schema);

/// temperature and top_p, where the model takes them.
void add_openai_sampling(OrderedJson& body, const JudgeConfig& config);

/// service_tier, unless it is the default one.
void add_openai_tier(OrderedJson& body, const JudgeConfig& config);

}  // namespace polaris
