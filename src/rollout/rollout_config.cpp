#include "rollout/rollout_config.h"

#include <algorithm>

#include "base/error.h"

namespace polaris {

std::vector<std::string> enum_names(EngineKind) { return {"local", "remote"}; }
std::vector<std::string> enum_names(RolloutDtype) {
  return {"auto", "float32", "bfloat16", "int8"};
}
std::vector<std::string> enum_names(RemoteServer) {
  return {"vllm", "sglang", "openai", "llama", "gemini", "vertex", "anthropic"};
}
std::vector<std::string> enum_names(RemoteWeights) { return {"disk", "lora"}; }

void SamplingConfig::fields(FieldList& list) {
  constexpr auto kGreedy = "temperature = 0 takes the likeliest token";
  constexpr auto kNoDry = "dry_multiplier = 0";
  const bool greedy = temperature == 0.0;
  const bool no_dry = dry_multiplier == 0.0;
  list("temperature", temperature, "divides the logits; 0 takes the likeliest token",
       {.range = between(0, 10, "above 10 the draw is close to uniform")});
  list("top_p", top_p, "keep the smallest set of tokens with this mass; 1 = off",
       unused_if(greedy, kGreedy, Range{0, 1, false, "at least one token must be kept"}));
  list("top_k", top_k, "keep the k likeliest tokens; 0 = off",
       unused_if(greedy, kGreedy, at_least(0, "it counts tokens")));
  list("min_p", min_p, "drop tokens below this share of the likeliest one's probability; 0 = off",
       unused_if(greedy, kGreedy, between(0, 1, "it is a share of a probability")));
  list("repetition_penalty", repetition_penalty,
       "divides positive and multiplies negative logits of tokens seen in prompt or output; "
       "1 = off",
       {.range = between(0.5, 2, "outside it text falls apart or loops")});
  list("presence_penalty", presence_penalty, "subtracted once from tokens already written",
       {.range = between(-2, 2, "as in the OpenAI interface")});
  list("frequency_penalty", frequency_penalty, "subtracted per occurrence",
       {.range = between(-2, 2, "as in the OpenAI interface")});
  list("dry_multiplier", dry_multiplier, "penalty on continuing an earlier sequence; 0 = off",
       {.range = at_least(0, "it is a penalty")});
  list("dry_base", dry_base, "growth of the penalty per repeated token",
       unused_if(no_dry, kNoDry, at_least(1, "longer repetitions must not cost less")));
  list("dry_allowed_length", dry_allowed_length, "repeated tokens that cost nothing",
       unused_if(no_dry, kNoDry, at_least(1, "it counts tokens")));
  list("dry_range", dry_range, "tokens looked back",
       unused_if(no_dry, kNoDry, at_least(1, "it counts tokens")));
}

void SamplingConfig::validate() const {
  if (repetition_penalty != 1.0 && (presence_penalty != 0.0 || frequency_penalty != 0.0))
    throw Error(ErrorCode::kInvalidConfig,
                "repetition_penalty and presence_penalty or frequency_penalty penalise the same "
                "tokens twice; set repetition_penalty = 1 or the other two to 0");
}

void RemoteRolloutConfig::fields(FieldList& list) {
  const char* const has_ids = "the server is one of vllm, sglang, llama";
  const bool text_only = !gives_token_ids();
  const auto vendors_only = [&] { return unused_if(!text_only, has_ids); };
  const auto only_vertex = unused_if(server != RemoteServer::kVertex, "the server is not vertex");
  list("base_url", base_url, "of the server, with its /v1; empty: the vendor's own");
  list("server", server,
       "vllm, sglang, llama (llama-server): token ids; openai (chat completions), gemini, vertex, "
       "anthropic: text only");
  list("weights", weights, "how new weights reach the server",
       unused_if(!takes_weights(), "the server keeps its weights"));
  list("model", model, "name the server knows the model by; empty: its first");
  list("api_key_env", api_key_env, "environment variable that holds the key; empty = no key");
  list("concurrency", concurrency, "requests in flight",
       changeable(between(1, 4096, "it sizes the connection pool")));
  list("max_attempts", max_attempts, "attempts per story, whatever failed",
       changeable(between(1, 100, "the first call is an attempt")));
  list("retry_base_delay_s", retry_base_delay_s, "first pause before a retry; it doubles",
       changeable(at_least(0, "a pause is not negative")));
  list("first_token_s", first_token_s, "seconds until a story begins, the server's queue included",
       changeable(above(0, "a call needs time")));
  list("between_tokens_s", between_tokens_s, "seconds of silence inside a story",
       changeable(above(0, "a call needs time")));
  list("deadline_s", deadline_s, "seconds for one story",
       changeable(above(0, "a call needs time")));
  list("thinking", thinking, "effort a vendor's model is asked for; empty = its own default",
       vendors_only());
  list("project", project, "Google Cloud project", only_vertex);
  list("location", location, "Google Cloud location", only_vertex);
  list("prices", prices, "price file that goes over the shipped one", vendors_only());
  KeyRules budget = vendors_only();
  budget.changeable = true;
  budget.range = at_least(0, "a budget is not negative");
  list("budget_usd", budget_usd, "stops before the story that could exceed it; 0 = no limit",
       budget);
}

void RemoteRolloutConfig::validate() const {
  const std::vector<std::string> efforts = {"",       "none", "minimal", "low",
                                            "medium", "high", "xhigh",   "max"};
  if (std::ranges::find(efforts, thinking) == efforts.end())
    throw Error(ErrorCode::kInvalidConfig,
                "rollout.remote.thinking must be none, minimal, low, medium, high, xhigh, max or "
                "empty");
}

void RolloutConfig::fields(FieldList& list) {
  list("engine", engine, "who writes: this process, or a server");
  list("group_size", group_size,
       "rollouts per prompt, the reference included once its weight is above 0",
       {.range = between(2, 1024, "a rollout needs another one to be compared with")});
  sampling.fields(list);
  list("weight_dtype", weight_dtype,
       "weights of the sampler; auto = the learner's compute dtype; int8 only with "
       "loss.importance_weights = truncated",
       unused_if(engine == EngineKind::kRemote, "the server chooses its own"));
  KeyRules slot_rules = unused_if(engine == EngineKind::kRemote, "the server batches by itself",
                                  at_least(0, "it counts stories"));
  slot_rules.changeable = true;
  list("slots", slots, "stories written side by side; 0 = as many as memory allows", slot_rules);
  list("remote", remote, "the server",
       unused_if(engine == EngineKind::kLocal, "rollout.engine = local"));
}

void RolloutConfig::validate() const {
  try {
    sampling.validate();
  } catch (const Error& e) {
    throw e.within("rollout");
  }
  if (engine == EngineKind::kLocal) return;
  const auto need = [](bool given, const char* message) {
    if (!given) throw Error(ErrorCode::kInvalidConfig, message);
  };
  const bool has_own_address = remote.server == RemoteServer::kGemini ||
                               remote.server == RemoteServer::kVertex ||
                               remote.server == RemoteServer::kAnthropic;
  need(!remote.base_url.empty() || has_own_address,
       "rollout.engine = remote needs rollout.remote.base_url, for example "
       "http://localhost:8000/v1");
  need(!remote.model.empty() || remote.gives_token_ids(),
       "rollout.remote.model is empty; a server that gives text only needs the name of its model");
  need(!remote.project.empty() || remote.server != RemoteServer::kVertex,
       "rollout.remote.server = vertex needs rollout.remote.project");
}

}  // namespace polaris
