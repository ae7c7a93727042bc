#include "judge/dialects/openai_models.h"
#include "judge/dialects/table.h"
#include "judge/lenient_json.h"

// OpenAI responses. Source: specs/evaluation.md 10.1; openai-python 3.54 (types/responses).

namespace polaris {
namespace {

VendorCall call(const JudgeConfig& config, const ModelQuestion& question) {
  OrderedJson body = {
      {"model", config.model},
      {"input",
       {{{"role", "system"}, {"content", question.messages.system}},
        {{"role", "user"}, {"content", question.messages.user}}}},
      {"max_output_tokens", openai_output_limit(config.model, question.max_output_tokens)},
      {"store", false},  // the vendor keeps no copy of the story for later calls
  };
  add_openai_sampling(body, config);
  if (is_openai_reasoning_model(config.model) && !config.thinking.empty())
    body["reasoning"] = {{"effort", config.thinking}};
  if (question.schema) {
    OrderedJson format = {{"type", "json_schema"}};
    format.update(openai_schema(*question.schema));
    body["text"] = {{"format", std::move(format)}};
  }
  add_openai_tier(body, config);
  return {.url = join_url(config.base_url, "https://api.openai.com/v1", "/responses"),
          .body = std::move(body)};
}

/// Text and refusal are parts of the output's messages; reasoning items are neither.
void read_output(const Json& output, ModelAnswer& answer) {
  if (!output.is_array()) return;
  for (const Json& item : output) {
    const Json& parts = member(item, "content");
    if (member(item, "type") != "message" || !parts.is_array()) continue;
    for (const Json& part : parts) {
      answer.text += text_if(member(part, "text")).value_or("");
      answer.refusal += text_if(member(part, "refusal")).value_or("");
    }
  }
  if (!answer.refusal.empty()) answer.finish = ModelFinish::kRefused;
}

ModelAnswer read(const Json& body) {
  ModelAnswer answer{.served_model = text_if(member(body, "model")),
                     .service_tier = text_if(member(body, "service_tier")),
                     .request_id = text_if(member(body, "id"))};
  read_output(member(body, "output"), answer);
  const std::string reason =
      text_if(member(member(body, "incomplete_details"), "reason")).value_or("");
  if (reason == "max_output_tokens") answer.finish = ModelFinish::kLength;
  if (reason == "content_filter") {
    answer.finish = ModelFinish::kBlocked;
    answer.refusal = reason;
  }
  const Json& usage = member(body, "usage");
  answer.usage = {.input_tokens = count_or_zero(member(usage, "input_tokens")),
                  .cached_input_tokens =
                      count_or_zero(member(member(usage, "input_tokens_details"), "cached_tokens")),
                  .output_tokens = count_or_zero(member(usage, "output_tokens")),
                  .reasoning_tokens = count_or_zero(
                      member(member(usage, "output_tokens_details"), "reasoning_tokens"))};
  return answer;
}

}  // namespace

const Dialect kOpenaiResponses = {
    .name = "openai_responses", .key = {"authorization", "Bearer "}, .call = call, .read = read};

}  // namespace polaris
