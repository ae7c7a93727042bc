#include "judge/retry.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace polaris {

double retry_delay_s(int failed, const std::optional<double>& asked_s, double base_s,
                     std::string_view name) {
  constexpr double kLongest_s = 60.0;
  constexpr int kLastDoubling = 30;
  if (asked_s) return *asked_s;
  const int n = std::clamp(failed - 1, 0, kLastDoubling);
  const StreamId stream{.prompt_hash = id_hash(name), .purpose = RandomPurpose::kRetryJitter};
  const auto words = stream.draw(static_cast<std::uint32_t>(failed));
  return uniform01(words[0], words[1]) * std::min(kLongest_s, std::ldexp(base_s, n));
}

}  // namespace polaris
