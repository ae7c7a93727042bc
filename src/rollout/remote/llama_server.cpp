#include "rollout/remote/llama_server.h"

#include "base/error.h"
#include "base/json_lists.h"
#include "rollout/remote/server_admin.h"
#include "rollout/remote/wire.h"

namespace polaris {
namespace {

/// The server reports log softmax(logits), before temperature and penalties.
bool reports_our_logprobs(const SamplingConfig& sampling) {
  return sampling.temperature == 1.0 || sampling.temperature == 0.0;
}

/// [{"id", "logprob"}, ...]. Some tokens of characters that take several are left out by the
/// server; then there are none.
std::vector<float> logprobs_of(const Json& list, const std::vector<TokenId>& tokens) {
  Json numbers = Json::array(), ids = Json::array();
  if (list.is_array()) {
    for (const Json& entry : list) {
      numbers.push_back(wire::field(entry, "logprob"));
      ids.push_back(wire::field(entry, "id"));
    }
  }
  if (token_ids_from_json(ids, "\"completion_probabilities\" of the server's answer") != tokens)
    return {};
  return floats_from_json(numbers, "\"completion_probabilities\" of the server's answer");
}

}  // namespace

void LlamaServer::look(ServerAdmin& admin) {
  const Json props = admin.get("/props");
  const Json& settings = wire::field(props, "default_generation_settings");
  if (settings.is_null())
    throw Error(
        ErrorCode::kInvalidConfig,
        fmt::format("{}: /props says nothing of slots; is this llama-server?", config_.base_url));
  context_tokens_ = wire::count(settings, "n_ctx");
}

void LlamaServer::check(const SamplingConfig& sampling) const {
  MissingOptions missing("llama-server");
  // Its presence and frequency penalties count the prompt.
  missing.add_if(sampling.presence_penalty != 0.0, "rollout.presence_penalty = 0");
  missing.add_if(sampling.frequency_penalty != 0.0, "rollout.frequency_penalty = 0");
  missing.add_if(sampling.min_new_tokens != 0, "no least length");
  missing.refuse();
}

HttpRequest LlamaServer::request(const StoryCall& call) const {
  const SamplingConfig& s = call.sampling;
  if (call.stop_tokens.empty())
    throw Error(ErrorCode::kInvalidConfig,
                "llama-server bans end tokens where it is to ignore them; leave --ignore-eos out");
  const auto whole = std::ssize(call.prompt->tokens) + s.max_new_tokens;
  const Json body = {{"prompt", call.prompt->tokens},
                     {"n_predict", s.max_new_tokens},
                     {"samplers", {"penalties", "dry", "temperature", "top_k", "top_p", "min_p"}},
                     {"temperature", s.temperature},
                     {"top_k", s.top_k},
                     {"top_p", s.top_p},
                     {"min_p", s.min_p},
                     {"repeat_penalty", s.repetition_penalty},
                     {"repeat_last_n", whole},
                     {"presence_penalty", 0.0},
                     {"frequency_penalty", 0.0},
                     {"dry_multiplier", s.dry_multiplier},
                     {"dry_base", s.dry_base},
                     {"dry_allowed_length", s.dry_allowed_length},
                     {"dry_penalty_last_n", s.dry_range},
                     {"dry_sequence_breakers", {"\n", ":", "\"", "*"}},
                     {"seed", call.seed},
                     {"n_probs", reports_our_logprobs(s) ? 1 : 0},
                     {"return_tokens", true},
                     {"cache_prompt", true},
                     {"stream", false}};
  return {.method = "POST",
          .url = server_root(config_.base_url) + "/completion",
          .body = dump_json(body)};
}

void LlamaServer::read(const Json& event, const StoryCall& call, ReceivedStory& story) const {
  wire::check_no_error(event);
  story.tokens =
      token_ids_from_json(wire::field(event, "tokens"), "\"tokens\" of the server's answer");
  if (reports_our_logprobs(call.sampling))
    story.logprobs = logprobs_of(wire::field(event, "completion_probabilities"), story.tokens);
  const auto prompt_tokens = wire::count(event, "tokens_evaluated");
  if (prompt_tokens && static_cast<std::size_t>(*prompt_tokens) != call.prompt->tokens.size())
    throw Error(ErrorCode::kInvalidConfig, "the server continued another prompt than was sent");
  const std::string type = wire::text(event, "stop_type");
  if (type != "eos" && type != "limit")
    throw Error(ErrorCode::kInvalidData,
                fmt::format("the server ended the story with \"{}\"", type));
  story.stop = type == "eos" ? StopReason::kEndOfText : StopReason::kMaxTokens;
}

}  // namespace polaris
