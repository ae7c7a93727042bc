#include "reward/overlong.h"

#include <algorithm>

namespace polaris {

std::optional<double> overlong_penalty(const ResponseTokens& response, const OverlongRule& rule) {
  if (rule.mode == OverlongMode::kOff) return std::nullopt;
  const std::int64_t over = response.count - (response.limit - rule.buffer_tokens);
  if (!response.is_cut || over <= 0) return 0.0;
  const double share =
      std::min(1.0, static_cast<double>(over) / static_cast<double>(rule.buffer_tokens));
  if (rule.mode == OverlongMode::kRow) return -rule.factor * share;
  const std::int64_t story_tokens = response.count - response.thinking;
  if (story_tokens <= 0) return 0.0;
  return -rule.factor * share / static_cast<double>(story_tokens);
}

}  // namespace polaris
