#include "train/reference_logprobs.h"

#include <numeric>

namespace polaris {

std::map<std::string, double> reference_logprobs(
    const Policy& policy, const std::vector<Prompt>& prompts,
    const std::function<std::optional<Rollout>(const Prompt&)>& encode_reference) {
  std::vector<std::string> ids;
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::int64_t> starts;
  for (const Prompt& prompt : prompts) {
    const auto reference = encode_reference(prompt);
    if (!reference || reference->tokens.empty()) continue;
    ids.push_back(prompt.id);
    starts.push_back(std::ssize(prompt.tokens));
    sequences.push_back(prompt.tokens);
    sequences.back().insert(sequences.back().end(), reference->tokens.begin(),
                            reference->tokens.end());
  }
  std::vector<ScoreRequest> requests;
  for (std::size_t i = 0; i < sequences.size(); ++i)
    requests.push_back({.tokens = sequences[i], .start = starts[i]});
  const auto scores = policy.score(requests);
  std::map<std::string, double> means;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto& logprobs = scores[i].logprobs;
    means[ids[i]] = std::accumulate(logprobs.begin(), logprobs.end(), 0.0) /
                    static_cast<double>(logprobs.size());
  }
  return means;
}

}  // namespace polaris
