// One GRPO step per line that is read, timed: bench/grpo_bars.py alternates it with TRL
// (bench/peers/trl_step.py).
//
//   grpo_step MODEL PROMPTS     one thread; MODEL has a tokenizer; PROMPTS holds a text per line
//
//   step DTYPE GROUP TOKENS SAMPLING [recompute]
//
// One step: GROUP stories to every prompt, each of so many tokens; then one update of all weights
// on them. DTYPE, float32 or bfloat16, is what weights are decoded and the update is computed in;
// it and `recompute` hold from the first request on. SAMPLING is `recipe`, what rollout.* has where
// nothing says otherwise, or `plain`, from the whole vocabulary as it is. The reward is the share
// of vowels. The answer also has `generate`, the part of the two times that rollouts and rewards
// took, and what was done: stories, response_tokens, prompt_tokens.
#include <algorithm>
#include <memory>
#include <optional>

#include "nn/torch_learner.h"
#include "rl/batch.h"
#include "rollout/local_engine.h"
#include "step_protocol.h"
#include "text/tokenizer.h"

namespace polaris {
namespace {

double reward(std::string_view text) {
  const auto vowels = std::ranges::count_if(
      text, [](char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; });
  return static_cast<double>(vowels) / static_cast<double>(std::max<std::size_t>(1, text.size()));
}

std::vector<Prompt> read_prompts(const std::string& path, const Tokenizer& tokenizer) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::kIo, fmt::format("{}: cannot be read", path));
  std::vector<Prompt> prompts;
  for (std::string line; std::getline(file, line);)
    prompts.push_back({.id = line, .text = line, .tokens = tokenizer.encode(line)});
  return prompts;
}

class Steps {
 public:
  Steps(std::string model, const std::string& prompts)
      : model_(std::move(model)),
        tokenizer_(Tokenizer::load(model_)),
        prompts_(read_prompts(prompts, tokenizer_)) {}

  Json answer(Arguments arguments) {
    if (arguments.request() != "step") throw arguments.misread();
    const ComputeDtype dtype = arguments.dtype();
    const auto group = static_cast<std::size_t>(arguments.number());
    const SamplingConfig sampling = this->sampling(arguments);
    if (!learner_) open(dtype, arguments.flag("recompute"));

    const Stopwatch watch;
    engine_->use_policy(learner_->policy_version());
    const std::vector<ScoredGroup> groups =
        score(engine_->generate({.prompts = prompts_,
                                 .rollouts_per_prompt = group,
                                 .step = learner_->policy_version() + 1,
                                 .sampling = sampling},
                                [](std::size_t, std::size_t, const Rollout&) {}));
    const Json generate = watch.read();
    const UpdateStats stats = learner_->update(build_batch(groups, {}).batch);
    Json answer = watch.read();

    answer["generate"] = generate;
    answer["stories"] = stats.rows;
    answer["response_tokens"] = stats.response_tokens;
    answer["prompt_tokens"] = 0;
    for (const Prompt& prompt : prompts_)
      answer["prompt_tokens"] = answer["prompt_tokens"].get<std::size_t>() + prompt.tokens.size();
    return answer;
  }

 private:
  void open(ComputeDtype dtype, bool recompute) {
    TorchLearnerOptions options{.device = kOneThread};
    options.model.path = model_;
    options.model.compute_dtype = dtype;
    options.learner.recompute = recompute;
    learner_ = std::make_unique<TorchLearner>(options);
    engine_.emplace(learner_->policy(), &tokenizer_,
                    LocalRolloutEngine::Options{.ignore_stop_tokens = true});
  }

  static SamplingConfig sampling(Arguments& arguments) {
    const std::int64_t tokens = arguments.number();
    const std::string name = arguments.word();
    if (name == "recipe") return {.max_new_tokens = tokens};
    if (name == "plain")
      return {.top_p = 1.0, .top_k = 0, .repetition_penalty = 1.0, .max_new_tokens = tokens};
    throw arguments.misread();
  }

  static std::vector<ScoredGroup> score(std::vector<RolloutGroup> groups) {
    std::vector<ScoredGroup> scored;
    for (RolloutGroup& group : groups) {
      std::vector<Score> scores;
      for (const Rollout& rollout : group.rollouts)
        scores.push_back({.reward = reward(rollout.text)});
      scored.push_back({.group = std::move(group), .scores = std::move(scores)});
    }
    return scored;
  }

  std::string model_;
  Tokenizer tokenizer_;
  std::vector<Prompt> prompts_;
  std::unique_ptr<TorchLearner> learner_;
  std::optional<LocalRolloutEngine> engine_;
};

}  // namespace
}  // namespace polaris

int main(int argc, char** argv) { return polaris::serve<polaris::Steps>("grpo_step", argc, argv); }
