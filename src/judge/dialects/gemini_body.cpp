#include "judge/dialects/gemini_body.h"

#include <algorithm>

#include "judge/dialects/gemini_schema.h"
#include "judge/lenient_json.h"
#include "text/unicode.h"

namespace polaris {
namespace {

constexpr std::int64_t kMostOutput = 65536;  // more is refused

/// Tokens to think with, for the models that are asked in tokens (2.5). Google's own mapping of
/// efforts; 0 turns thinking off.
std::int64_t thinking_budget(const std::string& effort) {
  if (effort == "none") return 0;
  if (effort == "minimal" || effort == "low") return 1024;
  if (effort == "medium") return 8192;
  return 24576;
}

/// A level for the models that are asked in words (3 and later); they cannot be kept from thinking.
std::string thinking_level(const std::string& effort) {
  if (effort == "none" || effort == "minimal") return "MINIMAL";
  if (effort == "low") return "LOW";
  if (effort == "medium") return "MEDIUM";
  return "HIGH";
}

void add_thinking(OrderedJson& generation, const JudgeConfig& config) {
  const std::string model = lower(config.model);
  if (config.thinking.empty() || model.starts_with("gemini-1") || model.starts_with("gemini-2.0"))
    return;
  if (model.starts_with("gemini-2"))
    generation["thinkingConfig"] = {{"thinkingBudget", thinking_budget(config.thinking)}};
  else
    generation["thinkingConfig"] = {{"thinkingLevel", thinking_level(config.thinking)}};
}

/// True for the reasons for which a filter stops a text.
bool is_blocked(const std::string& finish) {
  constexpr std::string_view kReasons[] = {
      "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"};
  return std::ranges::find(kReasons, finish) != std::end(kReasons);
}

std::string text_of(const Json& candidate) {
  std::string text;
  const Json& parts = member(member(candidate, "content"), "parts");
  if (!parts.is_array()) return text;
  for (const Json& part : parts) {
    if (member(part, "thought") != true) text += text_if(member(part, "text")).value_or("");
  }
  return text;
}

}  // namespace

OrderedJson gemini_body(const JudgeConfig& config, const ModelQuestion& question) {
  OrderedJson generation = {{"temperature", config.temperature},
                            {"topP", config.top_p},
                            {"maxOutputTokens", std::min(question.max_output_tokens, kMostOutput)}};
  if (question.schema) {
    generation["responseMimeType"] = "application/json";
    if (takes_json_schema(config.model))
      generation["responseJsonSchema"] = *question.schema;
    else
      generation["responseSchema"] = gemini_response_schema(*question.schema);
  }
  add_thinking(generation, config);
  const auto parts = [](const std::string& text) {
    return OrderedJson{{"parts", OrderedJson::array({{{"text", text}}})}};
  };
  OrderedJson user = {{"role", "user"}};
  user.update(parts(question.messages.user));
  return {{"systemInstruction", parts(question.messages.system)},
          {"contents", OrderedJson::array({std::move(user)})},
          {"generationConfig", std::move(generation)}};
}

ModelAnswer read_gemini(const Json& body) {
  const Json& candidate = element(member(body, "candidates"), 0);
  ModelAnswer answer{.text = text_of(candidate),
                     .served_model = text_if(member(body, "modelVersion")),
                     .request_id = text_if(member(body, "responseId"))};
  const std::string finish = text_if(member(candidate, "finishReason")).value_or("");
  const auto blocked = text_if(member(member(body, "promptFeedback"), "blockReason"));
  if (finish == "MAX_TOKENS") answer.finish = ModelFinish::kLength;
  if (is_blocked(finish) || blocked) {
    answer.finish = ModelFinish::kBlocked;
    answer.refusal = blocked.value_or(finish);
  }
  const Json& usage = member(body, "usageMetadata");
  answer.service_tier = text_if(member(usage, "serviceTier"));
  if (!answer.service_tier) answer.service_tier = text_if(member(usage, "trafficType"));
  const std::int64_t thoughts = count_or_zero(member(usage, "thoughtsTokenCount"));
  answer.usage = {.input_tokens = count_or_zero(member(usage, "promptTokenCount")),
                  .cached_input_tokens = count_or_zero(member(usage, "cachedContentTokenCount")),
                  .output_tokens = count_or_zero(member(usage, "candidatesTokenCount")) + thoughts,
                  .reasoning_tokens = thoughts};
  return answer;
}

}  // namespace polaris
