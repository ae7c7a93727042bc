#include "eval/eval_config.h"

#include <algorithm>

#include "base/error.h"

namespace polaris {

void EvalConfig::fields(FieldList& list) {
  list("resamples", resamples, "bootstrap resamples behind an interval",
       {.range = between(100, 1e6, "fewer make the interval itself uncertain")});
  list("seed", seed, "of the bootstrap", {.range = at_least(0, "seeds are not negative")});
  list("buckets", buckets, "upper edges of the length buckets, words",
       {.range = at_least(1, "it counts words")});
  list("judge", judge, "the held-out judge of validation and evaluation");
}

void EvalConfig::validate() const {
  if (buckets.empty() || std::ranges::adjacent_find(buckets, std::greater_equal{}) != buckets.end())
    throw Error(ErrorCode::kInvalidConfig, "eval.buckets must rise: they are upper edges in words");
}

void ValidationConfig::fields(FieldList& list) {
  list("temperature", temperature, "divides the logits; 0 takes the likeliest token",
       {.range = between(0, 10, "above 10 the draw is close to uniform")});
  list("top_p", top_p, "keep the smallest set of tokens with this mass; 1 = off",
       {.range = Range{0, 1, false, "at least one token must be kept"}});
  list("top_k", top_k, "keep the k likeliest tokens; 0 = off",
       {.range = at_least(0, "it counts tokens")});
  list("repetition_penalty", repetition_penalty, "as in [rollout]; 1 = off",
       {.range = between(0.5, 2, "outside it text falls apart or loops")});
  list("samples", samples, "stories per prompt",
       {.range = between(1, 1024, "a prompt needs a story")});
  list("max_new_tokens", max_new_tokens, "longest response",
       {.range = at_least(1, "it counts tokens")});
}

}  // namespace polaris
