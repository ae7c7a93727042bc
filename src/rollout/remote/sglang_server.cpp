#include "rollout/remote/sglang_server.h"

#include "base/error.h"
#include "base/json_lists.h"
#include "rollout/remote/server_admin.h"
#include "rollout/remote/vllm_server.h"
#include "rollout/remote/wire.h"

namespace polaris {
namespace {

/// SGLang sends the whole story so far with every event, unless it was started with
/// --incremental-streaming-output; so events are kept rare.
constexpr int kTokensPerEvent = 256;

/// SGLang reports log softmax(logits / temperature) with penalties in the logits.
bool reports_our_logprobs(const SamplingConfig& sampling) {
  return sampling.presence_penalty == 0.0 && sampling.frequency_penalty == 0.0;
}

/// [[log-prob, id, text or null], ...], of the same ids.
std::vector<float> logprobs_of(const Json& list, const std::vector<TokenId>& tokens) {
  Json numbers = Json::array(), ids = Json::array();
  if (list.is_array()) {
    for (const Json& entry : list) {
      numbers.push_back(entry.is_array() && entry.size() >= 2 ? entry[0] : Json());
      ids.push_back(entry.is_array() && entry.size() >= 2 ? entry[1] : Json());
    }
  }
  if (token_ids_from_json(ids, "\"output_token_logprobs\" of the server's answer") != tokens)
    throw Error(ErrorCode::kInvalidData, "the server's log-probs are not those of its tokens");
  return floats_from_json(numbers, "\"output_token_logprobs\" of the server's answer");
}

/// The answer of a control call that tells of its failure with status 200, too.
void check_success(const Json& answer, std::string_view call) {
  if (wire::field(answer, "success") == Json(true)) return;
  std::string reason;
  for (const char* key : {"error_message", "message"}) {
    if (wire::field(answer, key).is_string()) reason = wire::text(answer, key);
  }
  throw Error(ErrorCode::kUnavailable, fmt::format("{} failed: {}", call, reason));
}

void post(ServerAdmin& admin, const char* path, const Json& body) {
  check_success(admin.post(path, body), path);
}

}  // namespace

void SglangServer::look(ServerAdmin& admin) {
  const Json info = admin.get("/model_info");
  if (!wire::field(info, "model_path").is_string())
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("{}: /model_info names no model; is this SGLang?", config_.base_url));
  const Json models = admin.get("/v1/models");
  const Json& list = wire::field(models, "data");
  if (list.is_array() && !list.empty()) context_tokens_ = wire::count(list[0], "max_model_len");
}

void SglangServer::check(const SamplingConfig& sampling) const {
  MissingOptions missing("SGLang");
  // Its repetition penalty leaves the prompt out.
  missing.add_if(sampling.repetition_penalty != 1.0, "rollout.repetition_penalty = 1");
  missing.add_if(sampling.dry_multiplier != 0.0, "rollout.dry_multiplier = 0");
  missing.refuse();
}

HttpRequest SglangServer::request(const StoryCall& call) const {
  const SamplingConfig& s = call.sampling;
  Json body = {{"input_ids", call.prompt->tokens},
               {"sampling_params",
                {{"max_new_tokens", s.max_new_tokens},
                 {"min_new_tokens", s.min_new_tokens},
                 {"temperature", s.temperature},
                 {"top_p", s.top_p},
                 {"top_k", s.top_k == 0 ? -1 : s.top_k},
                 {"min_p", s.min_p},
                 {"presence_penalty", s.presence_penalty},
                 {"frequency_penalty", s.frequency_penalty},
                 {"stop_token_ids", call.stop_tokens},
                 {"ignore_eos", call.stop_tokens.empty()},
                 {"sampling_seed", call.seed},
                 {"stream_interval", kTokensPerEvent}}},
               {"return_logprob", reports_our_logprobs(s)},
               {"stream", true}};
  if (!call.policy.empty() && config_.weights == RemoteWeights::kLora)
    body["lora_path"] = call.policy;
  return {.method = "POST",
          .url = server_root(config_.base_url) + "/generate",
          .body = dump_json(body)};
}

void SglangServer::read(const Json& event, const StoryCall& call, ReceivedStory& story) const {
  wire::check_no_error(event);
  const Json& info = wire::field(event, "meta_info");
  auto tokens = token_ids_from_json(wire::field(event, "output_ids"),
                                    "\"output_ids\" of the server's answer");
  const auto total = static_cast<std::size_t>(wire::count(info, "completion_tokens").value_or(0));
  const bool is_whole = tokens.size() == total;  // so far
  if (!is_whole && story.tokens.size() + tokens.size() != total)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("the server counts {} tokens and sent {} after {}", total,
                            tokens.size(), story.tokens.size()));
  std::vector<float> logprobs;
  if (reports_our_logprobs(call.sampling))
    logprobs = logprobs_of(wire::field(info, "output_token_logprobs"), tokens);
  if (is_whole) {
    story.tokens.clear();
    story.logprobs.clear();
  }
  story.tokens.insert(story.tokens.end(), tokens.begin(), tokens.end());
  story.logprobs.insert(story.logprobs.end(), logprobs.begin(), logprobs.end());

  const auto prompt_tokens = wire::count(info, "prompt_tokens");
  if (prompt_tokens && static_cast<std::size_t>(*prompt_tokens) != call.prompt->tokens.size())
    throw Error(ErrorCode::kInvalidConfig, "the server continued another prompt than was sent");
  const std::string version = wire::text(info, "weight_version");
  if (!version.empty() && config_.weights == RemoteWeights::kDisk &&
      (story.policies.empty() || story.policies.back() != version))
    story.policies.push_back(version);
  if (const Json& spans = wire::field(info, "weight_versions");
      spans.is_array() && config_.weights == RemoteWeights::kDisk) {
    for (const Json& span : spans) story.policies.push_back(wire::text(span, "version"));
  }
  const std::string reason = wire::text(wire::field(info, "finish_reason"), "type");
  if (reason.empty()) return;
  if (reason != "stop" && reason != "length")
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the server ended the story with \"{}\": {}", reason,
                            wire::text(wire::field(info, "finish_reason"), "message")));
  story.stop = reason == "stop" ? StopReason::kEndOfText : StopReason::kMaxTokens;
}

std::optional<std::string> SglangServer::policy(ServerAdmin& admin) {
  if (config_.weights == RemoteWeights::kDisk)
    return wire::text(admin.get("/model_info"), "weight_version");
  if (adapter_.empty()) return std::nullopt;
  return served_root(admin.get("/v1/models"), adapter_) ? adapter_ : "no adapter";
}

void SglangServer::load_policy(ServerAdmin& admin, const std::string& label,
                               const std::filesystem::path& folder) {
  if (config_.weights == RemoteWeights::kLora) return load_adapter(admin, label, folder);
  // Should the server fail half-way, its stamp says so.
  post(admin, "/update_weight_version",
       {{"new_version", label + "-loading"}, {"abort_all_requests", true}});
  post(admin, "/update_weights_from_disk",
       {{"model_path", folder.string()}, {"weight_version", label}, {"flush_cache", true}});
}

void SglangServer::load_adapter(ServerAdmin& admin, const std::string& label,
                                const std::filesystem::path& folder) {
  if (served_root(admin.get("/v1/models"), label))  // of a run that was killed
    post(admin, "/unload_lora_adapter", {{"lora_name", label}});
  post(admin, "/load_lora_adapter", {{"lora_name", label}, {"lora_path", folder.string()}});
  if (served_root(admin.get("/v1/models"), label) != folder.string())
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the server does not list the adapter {} that it was given", label));
  const std::string old = std::exchange(adapter_, label);
  if (!old.empty() && old != label) post(admin, "/unload_lora_adapter", {{"lora_name", old}});
}

}  // namespace polaris
