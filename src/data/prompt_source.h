#pragma once

#include <cstdint>
#include <vector>

#include "data/data_config.h"
#include "rl/data_order.h"
#include "rl/types.h"

namespace polaris {

/// The prompts of every step, in the recipe's order.
class PromptSource {
 public:
  /// @throws Error{kInvalidData} if there are fewer prompts than one step needs
  PromptSource(std::vector<Prompt> prompts, const DataConfig& config);

  /// The prompts of `step` (1-based). Depends on the step alone.
  std::vector<Prompt> of(std::int64_t step) const;

  const DataOrder& order() const { return order_; }

 private:
  std::vector<Prompt> prompts_;
  DataOrder order_;
};

}  // namespace polaris
