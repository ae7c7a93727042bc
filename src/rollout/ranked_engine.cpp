#include "rollout/ranked_engine.h"

#include "base/json.h"
#include "rl/rollout_json.h"

namespace polaris {

void RankedEngine::use_policy(std::int64_t policy_version) {
  engine_->use_policy(policy_version);
  version_ = policy_version;
}

std::vector<RolloutGroup> RankedEngine::generate(const RolloutRequest& request,
                                                 const OnRollout& on_rollout) {
  if (ranks_.size() == 1) return engine_->generate(request, on_rollout);
  request.check();
  const std::size_t per_prompt = request.rollouts_per_prompt;
  const std::size_t first = request.skip, count = request.end() - first;
  const auto write_share = [&]() -> std::string {
    Json written = Json::array();
    const Share share = share_of(ranks_, count);
    if (share.begin == share.end) return written.dump();
    RolloutRequest own = request;
    own.skip = first + share.begin;
    own.take = share.end - share.begin;
    const auto groups = engine_->generate(own, on_rollout);
    for (std::size_t i = own.skip; i < own.end(); ++i)
      written.push_back(rollout_json(groups[i / per_prompt].rollouts[i % per_prompt]));
    return dump_json(written);
  };
  const std::vector<std::string> shares = jointly(ranks_, write_share);

  std::vector<RolloutGroup> groups;
  for (const Prompt& prompt : request.prompts)
    groups.push_back({.prompt = prompt,
                      .rollouts = std::vector<Rollout>(per_prompt),
                      .policy_version = version_});
  std::size_t next = first;
  for (const std::string& share : shares) {
    for (const Json& rollout : Json::parse(share)) {
      groups[next / per_prompt].rollouts[next % per_prompt] = rollout_from_json(rollout);
      ++next;
    }
  }
  return groups;
}

}  // namespace polaris
