#include "rollout/remote/vllm_server.h"

#include "base/error.h"
#include "base/json_lists.h"
#include "rollout/remote/server_admin.h"
#include "rollout/remote/wire.h"

namespace polaris {
namespace {

/// vLLM reports log softmax(logits), before temperature and penalties. That is Rollout::logprobs at
/// temperature 1; greedy sampling divides by nothing either.
bool reports_our_logprobs(const SamplingConfig& sampling) {
  return sampling.temperature == 1.0 || sampling.temperature == 0.0;
}

void read_logprobs(const Json& choice, std::size_t count, ReceivedStory& story) {
  const Json& list = wire::field(wire::field(choice, "logprobs"), "token_logprobs");
  if (list.is_null() && count == 0) return;
  const auto logprobs = floats_from_json(list, "\"token_logprobs\" of the server's answer");
  if (logprobs.size() != count)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("the server sent {} tokens with {} log-probs", count, logprobs.size()));
  story.logprobs.insert(story.logprobs.end(), logprobs.begin(), logprobs.end());
}

void read_finish(const Json& choice, ReceivedStory& story) {
  const std::string reason = wire::text(choice, "finish_reason");
  if (reason.empty()) return;
  if (reason != "stop" && reason != "length")
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the server ended the story with \"{}\"", reason));
  story.stop = reason == "stop" ? StopReason::kEndOfText : StopReason::kMaxTokens;
}

/// The stamps of the weights; those below an adapter say nothing of it.
void read_policies(const Json& choice, ReceivedStory& story) {
  const Json& spans = wire::field(choice, "weight_versions");
  if (!spans.is_array()) return;
  for (const Json& span : spans) story.policies.push_back(wire::text(span, "version"));
}

}  // namespace

std::optional<std::string> served_root(const Json& models, const std::string& name) {
  const Json& list = wire::field(models, "data");
  if (!list.is_array()) return std::nullopt;
  for (const Json& model : list) {
    if (wire::text(model, "id") == name) return wire::text(model, "root");
  }
  return std::nullopt;
}

void VllmServer::look(ServerAdmin& admin) {
  const Json models = admin.get("/v1/models");
  const Json& list = wire::field(models, "data");
  if (!list.is_array() || list.empty())
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("{}: /v1/models names no model; is this vLLM?", config_.base_url));
  if (model_.empty()) model_ = wire::text(list[0], "id");
  if (!served_root(models, model_))
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("{} does not serve rollout.remote.model = \"{}\"; its first model is "
                            "\"{}\"",
                            config_.base_url, model_, wire::text(list[0], "id")));
  context_tokens_ = wire::count(list[0], "max_model_len");
  const Json info = admin.get_if_known("/server_info?config_format=json");
  const std::string mode =
      wire::text(wire::field(wire::field(info, "vllm_config"), "model_config"), "logprobs_mode");
  if (!mode.empty() && mode != "raw_logprobs")
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("vLLM runs with --logprobs-mode {}, whose log-probs are not the "
                            "model's; start it without",
                            mode));
}

void VllmServer::check(const SamplingConfig& sampling) const {
  MissingOptions missing("vLLM");
  missing.add_if(sampling.dry_multiplier != 0.0, "rollout.dry_multiplier = 0");
  missing.refuse();
}

bool VllmServer::writes_with_adapter(const StoryCall& call) const {
  return !call.policy.empty() && config_.weights == RemoteWeights::kLora;
}

HttpRequest VllmServer::request(const StoryCall& call) const {
  const SamplingConfig& s = call.sampling;
  const Json body = {{"model", writes_with_adapter(call) ? call.policy : model_},
                     {"prompt", call.prompt->tokens},
                     {"max_tokens", s.max_new_tokens},
                     {"min_tokens", s.min_new_tokens},
                     {"temperature", s.temperature},
                     {"top_p", s.top_p},
                     {"top_k", s.top_k},
                     {"min_p", s.min_p},
                     {"repetition_penalty", s.repetition_penalty},
                     {"presence_penalty", s.presence_penalty},
                     {"frequency_penalty", s.frequency_penalty},
                     {"seed", call.seed},
                     {"stop_token_ids", call.stop_tokens},
                     {"ignore_eos", call.stop_tokens.empty()},
                     {"logprobs", 0},
                     {"return_token_ids", true},
                     {"return_weight_versions", true},
                     {"stream", true},
                     {"stream_options", {{"include_usage", true}}}};
  return {.method = "POST",
          .url = server_root(config_.base_url) + "/v1/completions",
          .body = dump_json(body)};
}

void VllmServer::read(const Json& event, const StoryCall& call, ReceivedStory& story) const {
  wire::check_no_error(event);
  const auto written = wire::count(wire::field(event, "usage"), "completion_tokens");
  const Json& choice = wire::only_element(event, "choices");
  if (const Json& ids = wire::field(choice, "token_ids"); !ids.is_null()) {
    const auto tokens = token_ids_from_json(ids, "\"token_ids\" of the server's answer");
    story.tokens.insert(story.tokens.end(), tokens.begin(), tokens.end());
    if (reports_our_logprobs(call.sampling)) read_logprobs(choice, tokens.size(), story);
  } else if (!wire::text(choice, "text").empty()) {
    throw Error(ErrorCode::kInvalidConfig,
                "the server sends text without \"token_ids\"; vLLM does since 0.10.2");
  }
  if (const Json& ids = wire::field(choice, "prompt_token_ids"); !ids.is_null()) {
    if (token_ids_from_json(ids, "\"prompt_token_ids\" of the server's answer") !=
        call.prompt->tokens)
      throw Error(ErrorCode::kInvalidConfig, "the server continued another prompt than was sent");
  }
  read_finish(choice, story);
  if (!writes_with_adapter(call))
    read_policies(choice, story);
  else if (story.policies.empty())
    story.policies.push_back(wire::text(event, "model"));
  if (written && static_cast<std::size_t>(*written) != story.tokens.size())
    throw Error(ErrorCode::kInvalidData, fmt::format("the server counts {} tokens and sent {}",
                                                     *written, story.tokens.size()));
}

std::optional<std::string> VllmServer::policy(ServerAdmin& admin) {
  if (config_.weights == RemoteWeights::kDisk) {
    const Json info = admin.get_if_known("/weight_info");
    if (info.is_null()) return std::nullopt;
    return wire::text(info, "weight_version");
  }
  if (adapter_.empty()) return std::nullopt;
  return served_root(admin.get("/v1/models"), adapter_) ? adapter_ : "no adapter";
}

void VllmServer::load_policy(ServerAdmin& admin, const std::string& label,
                             const std::filesystem::path& folder) {
  if (config_.weights == RemoteWeights::kLora) return load_adapter(admin, label, folder);
  if (!policy(admin))
    throw Error(ErrorCode::kInvalidConfig,
                "the server does not know /weight_info; start vLLM 0.33 or later with "
                "VLLM_SERVER_DEV_MODE=1, or set rollout.remote.weights = lora");
  reload_from_disk(admin, label, folder);
}

void VllmServer::reload_from_disk(ServerAdmin& admin, const std::string& label,
                                  const std::filesystem::path& folder) {
  admin.post("/pause?mode=abort", Json::object());
  // Should the server fail half-way, its stamp says so.
  admin.post("/update_weight_version", {{"new_version", label + "-loading"}});
  admin.post("/collective_rpc",
             {{"method", "reload_weights"}, {"kwargs", {{"weights_path", folder.string()}}}});
  // What the old weights made of a prompt must not be continued by the new ones.
  const Json reset = admin.post("/reset_prefix_cache", Json::object());
  if (wire::field(reset, "success") == Json(false))
    throw Error(ErrorCode::kUnavailable,
                "vLLM could not empty its prefix cache; does anybody else use this server?");
  admin.post("/update_weight_version", {{"new_version", label}});
  admin.post("/resume", Json::object());
}

void VllmServer::load_adapter(ServerAdmin& admin, const std::string& label,
                              const std::filesystem::path& folder) {
  try {
    if (served_root(admin.get("/v1/models"), label))  // of a run that was killed
      admin.post("/v1/unload_lora_adapter", {{"lora_name", label}});
    admin.post("/v1/load_lora_adapter", {{"lora_name", label}, {"lora_path", folder.string()}});
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{} (vLLM needs --enable-lora, --max-lora-rank and "
                                      "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True)",
                                      e.what()));
  }
  if (served_root(admin.get("/v1/models"), label) != folder.string())
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the server does not list the adapter {} that it was given", label));
  const std::string old = std::exchange(adapter_, label);
  if (!old.empty() && old != label) admin.post("/v1/unload_lora_adapter", {{"lora_name", old}});
}

}  // namespace polaris
