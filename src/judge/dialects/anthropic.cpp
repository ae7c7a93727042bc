#include <fmt/format.h>

#include <algorithm>

#include "judge/dialects/claude_models.h"
#include "judge/dialects/table.h"
#include "judge/lenient_json.h"

// Anthropic messages. Source: specs/evaluation.md 10.4; anthropic-sdk-python 2.12 (types,
// lib/_parse/_transform.py).

namespace polaris {
namespace {

constexpr double kAdaptive = 4.6;  // from this version on, models decide how long they think

/// A schema without ranges and list lengths, which are not enforced: the description says them.
OrderedJson described_schema(OrderedJson schema) {
  if (!schema.is_structured()) return schema;
  for (OrderedJson& member : schema) member = described_schema(std::move(member));
  if (!schema.is_object()) return schema;
  std::string limits;
  if (schema.contains("maximum") && schema["maximum"].is_number()) {
    limits = fmt::format("From {} to {}.", schema.value("minimum", 0), schema.value("maximum", 0));
    schema.erase("minimum");
    schema.erase("maximum");
  }
  if (schema.contains("maxItems") && schema["maxItems"].is_number()) {
    limits = fmt::format("At most {}.", schema.value("maxItems", 0));
    schema.erase("maxItems");
  }
  if (limits.empty()) return schema;
  const std::string description = schema.value("description", "");
  schema["description"] = description.empty() ? limits : description + " " + limits;
  return schema;
}

/// Tokens to think with, for the models before 4.6: at least 1024 and less than the output limit.
std::int64_t thinking_budget(const std::string& effort, std::int64_t max_output_tokens) {
  constexpr std::int64_t kLeast = 1024;
  std::int64_t budget = 24576;
  if (effort == "medium") budget = 8192;
  if (effort == "low" || effort == "minimal") budget = kLeast;
  return std::max(kLeast, std::min(budget, max_output_tokens - kLeast));
}

/// Thinking, effort and temperature, which exclude and replace each other by model.
void add_thinking(OrderedJson& body, const JudgeConfig& config, std::int64_t max_output_tokens) {
  const bool adaptive = claude_version(config.model) >= kAdaptive;
  const bool thinks = !config.thinking.empty() && config.thinking != "none";
  if (!thinks) {
    if (config.thinking == "none") body["thinking"] = {{"type", "disabled"}};
    if (!adaptive) body["temperature"] = config.temperature;  // later models have none
  } else if (adaptive) {
    body["thinking"] = {{"type", "adaptive"}};
    body["output_config"]["effort"] = config.thinking == "minimal" ? "low" : config.thinking;
  } else {
    body["thinking"] = {{"type", "enabled"},
                        {"budget_tokens", thinking_budget(config.thinking, max_output_tokens)}};
  }
}

/// The most output that a model of that name gives; more is refused.
std::int64_t most_output(std::string_view model) {
  return claude_version(model) >= kAdaptive ? 128000 : 64000;
}

VendorCall call(const JudgeConfig& config, const ModelQuestion& question) {
  const std::int64_t limit = std::min(question.max_output_tokens, most_output(config.model));
  OrderedJson body = {
      {"model", config.model},
      {"max_tokens", limit},
      {"system", question.messages.system},
      {"messages", OrderedJson::array({{{"role", "user"}, {"content", question.messages.user}}})},
  };
  if (question.schema)
    body["output_config"]["format"] = {{"type", "json_schema"},
                                       {"schema", described_schema(*question.schema)}};
  add_thinking(body, config, limit);
  if (config.tier == JudgeTier::kPriority) body["service_tier"] = "auto";
  return {.url = join_url(config.base_url, "https://api.anthropic.com", "/v1/messages"),
          .headers = {{"anthropic-version", "2023-06-01"}},
          .body = std::move(body)};
}

ModelAnswer read(const Json& body) {
  ModelAnswer answer{.served_model = text_if(member(body, "model")),
                     .request_id = text_if(member(body, "id"))};
  const Json& content = member(body, "content");
  if (content.is_array()) {
    for (const Json& block : content) {
      if (member(block, "type") == "text")
        answer.text += text_if(member(block, "text")).value_or("");
    }
  }
  const std::string stop = text_if(member(body, "stop_reason")).value_or("");
  if (stop == "max_tokens" || stop == "model_context_window_exceeded")
    answer.finish = ModelFinish::kLength;
  if (stop == "refusal") {
    answer.finish = ModelFinish::kRefused;
    answer.refusal =
        text_if(member(member(body, "stop_details"), "explanation")).value_or(answer.text);
  }
  const Json& usage = member(body, "usage");
  const std::int64_t cached = count_or_zero(member(usage, "cache_read_input_tokens"));
  const std::int64_t written = count_or_zero(member(usage, "cache_creation_input_tokens"));
  answer.service_tier = text_if(member(usage, "service_tier"));
  answer.usage = {.input_tokens = count_or_zero(member(usage, "input_tokens")) + cached + written,
                  .cached_input_tokens = cached,
                  .output_tokens = count_or_zero(member(usage, "output_tokens")),
                  .reasoning_tokens = count_or_zero(
                      member(member(usage, "output_tokens_details"), "thinking_tokens"))};
  return answer;
}

}  // namespace

const Dialect kAnthropic = {
    .name = "anthropic", .key = {"x-api-key", ""}, .call = call, .read = read};

}  // namespace polaris
