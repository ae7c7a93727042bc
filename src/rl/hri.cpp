#include "rl/hri.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace polaris {

std::vector<std::string> enum_names(HriDecay) { return {"linear", "cosine"}; }
std::vector<std::string> enum_names(ReferenceText) { return {"template", "published"}; }
std::vector<std::string> enum_names(LongReference) { return {"skip", "cut"}; }

void HriConfig::fields(FieldList& list) {
  constexpr auto kOff = "hri.enabled = false";
  const Range weight =
      between(0, 1, "it scales the reference's advantage beside policy rows of weight 1");
  list("enabled", enabled, "add the human reference to every group once its weight is above 0");
  list("peak_weight", peak_weight, "weight of reference rows after warm-up",
       unused_if(!enabled, kOff, weight));
  list("warmup_steps", warmup_steps, "steps over which the weight rises linearly from 0",
       unused_if(!enabled, kOff, at_least(0, "it counts steps")));
  list("decay_steps", decay_steps, "steps of the decay after warm-up; 0 stays at the peak",
       unused_if(!enabled, kOff, at_least(0, "it counts steps")));
  list("decay", decay, "shape of the decay",
       unused_if(!enabled || decay_steps == 0, enabled ? "hri.decay_steps = 0" : kOff));
  list("final_weight", final_weight, "weight after the decay",
       unused_if(!enabled || decay_steps == 0, enabled ? "hri.decay_steps = 0" : kOff, weight));
  list("reference_text", reference_text, "how the reference turn is written",
       unused_if(!enabled, kOff));
  list("too_long_reference", too_long_reference,
       "a reference above data.max_response_tokens: leave it out, or cut its end off",
       unused_if(!enabled, kOff));
}

double hri_weight(const HriConfig& config, std::int64_t step) {
  POLARIS_CHECK(step >= 1, "step is {}", step);
  if (!config.enabled) return 0.0;
  const std::int64_t k = step - 1;
  if (k < config.warmup_steps)
    return config.peak_weight * static_cast<double>(k) / static_cast<double>(config.warmup_steps);
  if (config.decay_steps == 0) return config.peak_weight;
  const std::int64_t decayed = k - config.warmup_steps;
  if (decayed >= config.decay_steps) return config.final_weight;
  const double t = static_cast<double>(decayed) / static_cast<double>(config.decay_steps);
  const double left =
      config.decay == HriDecay::kLinear ? 1.0 - t : 0.5 * (1.0 + std::cos(std::numbers::pi * t));
  return config.final_weight + (config.peak_weight - config.final_weight) * left;
}

}  // namespace polaris
