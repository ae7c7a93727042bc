#include "rl/rollout_json.h"

namespace polaris {

Json rollout_json(const Rollout& rollout) {
  return {{"origin", rollout.origin == Origin::kPolicy ? "policy" : "reference"},
          {"tokens", rollout.tokens},
          {"logprobs", rollout.logprobs},
          {"sampled_logprobs", rollout.sampled_logprobs},
          {"text", rollout.text},
          {"stop", rollout.stop == StopReason::kEndOfText ? "eos" : "length"}};
}

Rollout rollout_from_json(const Json& json) {
  return {.origin = json.at("origin") == "policy" ? Origin::kPolicy : Origin::kReference,
          .tokens = json.at("tokens").get<std::vector<TokenId>>(),
          .logprobs = json.at("logprobs").get<std::vector<float>>(),
          .sampled_logprobs = json.at("sampled_logprobs").get<std::vector<float>>(),
          .text = json.at("text").get<std::string>(),
          .stop = json.at("stop") == "eos" ? StopReason::kEndOfText : StopReason::kMaxTokens};
}

}  // namespace polaris
