#pragma once

#include <string>
#include <vector>

namespace polaris {

/// A named way to sample, as assignments to keys of [rollout].
struct SamplingPreset {
  std::string name;
  std::vector<std::string> assignments;  ///< "rollout.top_k=20"
};

/// Source: specs/local_inference.md 7.
///
///   story  for readers: cooler, with DRY against loops
///   train  as the recipe's roll-outs are drawn
const std::vector<SamplingPreset>& sampling_presets();

}  // namespace polaris
