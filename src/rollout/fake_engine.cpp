#include "rollout/fake_engine.h"

#include <fmt/format.h>

#include "base/random.h"

namespace polaris {

std::string toy_text(const std::vector<TokenId>& tokens) {
  std::string text;
  for (const TokenId token : tokens) {
    if (token != ToyPolicy::kEndOfText) text += fmt::format("{}{}", text.empty() ? "" : " ", token);
  }
  return text;
}

Rollout FakeEngine::write(const RolloutRequest& request, const ToyDistribution& words,
                          const Prompt& prompt, std::size_t sample) const {
  RandomStream random({.seed = seed_,
                       .prompt_hash = id_hash(prompt.id),
                       .step = static_cast<std::uint32_t>(request.step),
                       .sample = static_cast<std::uint32_t>(sample)});
  Rollout rollout;
  const std::uint32_t length = 10 + random.below(21);
  for (std::uint32_t i = 0; i < length; ++i)
    rollout.tokens.push_back(words.sample(random.uniform()));
  rollout.tokens.push_back(ToyPolicy::kEndOfText);
  const auto limit = static_cast<std::size_t>(request.sampling.max_new_tokens);
  if (rollout.tokens.size() > limit) {
    rollout.tokens.resize(limit);
    rollout.stop = StopReason::kMaxTokens;
  }
  for (const TokenId token : rollout.tokens)
    rollout.logprobs.push_back(static_cast<float>(words.logprob(token)));
  rollout.sampled_logprobs = rollout.logprobs;
  rollout.text = toy_text(rollout.tokens);
  return rollout;
}

std::vector<RolloutGroup> FakeEngine::generate(const RolloutRequest& request,
                                               const OnRollout& on_rollout) {
  const ToyDistribution words(policy_);
  std::vector<RolloutGroup> groups;
  for (const Prompt& prompt : request.prompts) {
    RolloutGroup& group = groups.emplace_back();
    group.prompt = prompt;
    group.policy_version = version_;
    group.rollouts.resize(request.rollouts_per_prompt);
  }
  for (std::size_t i = request.end(); i-- > request.skip;) {
    const std::size_t p = i / request.rollouts_per_prompt, sample = i % request.rollouts_per_prompt;
    Rollout& rollout = groups[p].rollouts[sample];
    rollout = write(request, words, groups[p].prompt, sample);
    on_rollout(p, sample, rollout);
  }
  return groups;
}

}  // namespace polaris
