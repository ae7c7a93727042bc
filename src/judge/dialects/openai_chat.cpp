#include "judge/answer_form.h"
#include "judge/dialects/openai_models.h"
#include "judge/dialects/table.h"
#include "judge/lenient_json.h"

// OpenAI chat completions, and what speaks it: vLLM, SGLang, llama-server, Ollama.
// Source: specs/evaluation.md 10.1, 10.5; openai-python 3.54 (types/chat).

namespace polaris {
namespace {

/// Models that take reasoning_effort: OpenAI's own, and the open ones on a server of one's own.
bool takes_effort(std::string_view model) {
  return is_openai_reasoning_model(model) || model.find("gpt-oss") != std::string_view::npos;
}

/// How much to think. The open models' own switch is their chat template's, which vLLM, SGLang and
/// llama-server hand it on to; OpenAI's models would refuse it.
void add_thinking(OrderedJson& body, const JudgeConfig& config) {
  const bool is_openais = has_native_schema(JudgeDialect::kOpenai, config.model);
  if (takes_effort(config.model)) {
    if (!config.thinking.empty()) body["reasoning_effort"] = config.thinking;
  } else if (config.thinking == "none" && !is_openais) {
    body["chat_template_kwargs"] = {{"enable_thinking", false}};
  }
}

VendorCall call(const JudgeConfig& config, const ModelQuestion& question) {
  OrderedJson body = {
      {"model", config.model},
      {"messages",
       {{{"role", "system"}, {"content", question.messages.system}},
        {{"role", "user"}, {"content", question.messages.user}}}},
  };
  // Reasoning models refuse the one, older servers do not know the other.
  body[is_openai_reasoning_model(config.model) ? "max_completion_tokens" : "max_tokens"] =
      openai_output_limit(config.model, question.max_output_tokens);
  add_openai_sampling(body, config);
  add_thinking(body, config);
  if (question.schema)
    body["response_format"] = {{"type", "json_schema"},
                               {"json_schema", openai_schema(*question.schema)}};
  if (question.grammar) {
    body["grammar"] = *question.grammar;                            // llama-server
    body["structured_outputs"] = {{"grammar", *question.grammar}};  // vLLM
  }
  add_openai_tier(body, config);
  return {.url = join_url(config.base_url, "https://api.openai.com/v1", "/chat/completions"),
          .body = std::move(body)};
}

/// The message's text: a string, or a list of parts that have one.
std::string content_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array()) {
    for (const Json& part : content) text += text_if(member(part, "text")).value_or("");
  }
  return text;
}

ModelAnswer read(const Json& body) {
  const Json& choice = element(member(body, "choices"), 0);
  const Json& message = member(choice, "message");
  ModelAnswer answer{.text = content_of(member(message, "content")),
                     .refusal = text_if(member(message, "refusal")).value_or(""),
                     .served_model = text_if(member(body, "model")),
                     .service_tier = text_if(member(body, "service_tier")),
                     .request_id = text_if(member(body, "id"))};
  const std::string finish = text_if(member(choice, "finish_reason")).value_or("");
  if (!answer.refusal.empty()) answer.finish = ModelFinish::kRefused;
  if (finish == "length") answer.finish = ModelFinish::kLength;
  if (finish == "content_filter") {
    answer.finish = ModelFinish::kBlocked;
    if (answer.refusal.empty()) answer.refusal = finish;
  }
  const Json& usage = member(body, "usage");
  answer.usage = {
      .input_tokens = count_or_zero(member(usage, "prompt_tokens")),
      .cached_input_tokens =
          count_or_zero(member(member(usage, "prompt_tokens_details"), "cached_tokens")),
      .output_tokens = count_or_zero(member(usage, "completion_tokens")),
      .reasoning_tokens =
          count_or_zero(member(member(usage, "completion_tokens_details"), "reasoning_tokens"))};
  return answer;
}

}  // namespace

const Dialect kOpenaiChat = {
    .name = "openai", .key = {"authorization", "Bearer "}, .call = call, .read = read};

}  // namespace polaris
