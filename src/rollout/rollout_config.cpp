#include "rollout/rollout_config.h"

#include "base/error.h"

namespace polaris {

std::vector<std::string> enum_names(EngineKind) { return {"local", "remote"}; }
std::vector<std::string> enum_names(RolloutDtype) {
  return {"auto", "float32", "bfloat16", "int8"};
}
std::vector<std::string> enum_names(RemoteServer) { return {"vllm", "sglang", "openai"}; }
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
  list("base_url", base_url, "of the server, with its /v1");
  list("server", server, "whose calls to use for new weights");
  list("weights", weights, "how new weights reach the server");
  list("model", model, "name the server knows the model by");
  list("api_key_env", api_key_env, "environment variable that holds the key; empty = no key");
  list("concurrency", concurrency, "requests in flight",
       changeable(between(1, 4096, "it sizes the connection pool")));
  list("max_attempts", max_attempts, "attempts per story, whatever failed",
       changeable(at_least(1, "the first call is an attempt")));
  list("deadline_s", deadline_s, "seconds for one story",
       changeable(above(0, "a call needs time")));
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
  if (engine == EngineKind::kRemote && remote.base_url.empty())
    throw Error(ErrorCode::kInvalidConfig,
                "rollout.engine = remote needs rollout.remote.base_url, for example "
                "http://localhost:8000/v1");
}

}  // namespace polaris
