#include "reward/thinking_cap.h"

#include <algorithm>

namespace polaris {

std::optional<double> thinking_penalty(std::int64_t thinking_tokens, const ThinkingCap& rule) {
  if (!rule.enabled) return std::nullopt;
  const std::int64_t over = thinking_tokens - rule.tokens;
  if (over <= 0) return 0.0;
  return -rule.penalty *
         std::min(1.0, static_cast<double>(over) / static_cast<double>(rule.tokens));
}

}  // namespace polaris
