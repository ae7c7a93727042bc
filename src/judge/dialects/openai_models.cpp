#include "judge/dialects/openai_models.h"

#include <algorithm>

#include "text/unicode.h"

namespace polaris {

bool is_openai_reasoning_model(std::string_view model) {
  const std::string name = lower(model);
  return name.starts_with("gpt-5") ||
         (name.size() > 1 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9');
}

std::int64_t openai_output_limit(std::string_view model, std::int64_t asked) {
  constexpr std::int64_t kMost = 128000;
  return is_openai_reasoning_model(model) ? std::min(asked, kMost) : asked;
}

OrderedJson openai_schema(const OrderedJson& schema) {
  return {{"name", "story_quality_answer"}, {"strict", true}, {"schema", schema}};
}

void add_openai_sampling(OrderedJson& body, const JudgeConfig& config) {
  if (is_openai_reasoning_model(config.model) && config.thinking != "none") return;
  body["temperature"] = config.temperature;
  body["top_p"] = config.top_p;
}

void add_openai_tier(OrderedJson& body, const JudgeConfig& config) {
  if (config.tier == JudgeTier::kFlex) body["service_tier"] = "flex";
  if (config.tier == JudgeTier::kPriority) body["service_tier"] = "priority";
}

}  // namespace polaris
