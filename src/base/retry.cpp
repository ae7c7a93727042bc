#include "base/retry.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace polaris {

bool is_transient_status(int status) {
  constexpr int kTransient[] = {408, 409, 425, 429};
  return std::ranges::find(kTransient, status) != std::end(kTransient) ||
         (status >= 500 && status != 501 && status != 505);
}

std::string without_secret(std::string text, std::string_view secret) {
  constexpr std::string_view kBlack = "***";
  if (secret.empty()) return text;
  for (auto at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + kBlack.size()))
    text.replace(at, secret.size(), kBlack);
  return text;
}

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
