#include "eval/bootstrap.h"

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "eval/statistics.h"

namespace polaris {
namespace {

RandomStream stream(const Resampling& resampling, std::int64_t draw, const char* what) {
  return RandomStream({.seed = resampling.seed,
                       .prompt_hash = id_hash(what),
                       .sample = static_cast<std::uint32_t>(draw),
                       .purpose = RandomPurpose::kBootstrap});
}

/// What the values of one prompt add to a mean.
struct Share {
  double sum = 0.0;
  double count = 0.0;
};

}  // namespace

std::optional<Interval> percentile_interval(std::span<const double> values) {
  const auto low = quantile(values, 0.025);
  const auto high = quantile(values, 0.975);
  if (!low || !high) return std::nullopt;
  return Interval{.low = *low, .high = *high};
}

std::optional<Interval> bootstrap_mean(std::span<const std::vector<double>> by_prompt,
                                       const Resampling& resampling) {
  std::vector<Share> shares;
  for (const std::vector<double>& values : by_prompt) {
    if (values.empty()) continue;
    shares.push_back({.sum = std::accumulate(values.begin(), values.end(), 0.0),
                      .count = static_cast<double>(values.size())});
  }
  if (shares.size() < 2) return std::nullopt;
  std::vector<double> means;
  means.reserve(static_cast<std::size_t>(resampling.draws));
  for (std::int64_t draw = 0; draw < resampling.draws; ++draw) {
    RandomStream random = stream(resampling, draw, "prompts");
    Share all;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const Share& taken = shares[random.below(static_cast<std::uint32_t>(shares.size()))];
      all.sum += taken.sum;
      all.count += taken.count;
    }
    means.push_back(all.sum / all.count);
  }
  return percentile_interval(means);
}

std::optional<Interval> bootstrap_difference(std::span<const double> differences,
                                             const Resampling& resampling) {
  std::vector<std::vector<double>> by_prompt;
  by_prompt.reserve(differences.size());
  for (const double difference : differences) by_prompt.push_back({difference});
  return bootstrap_mean(by_prompt, resampling);
}

std::optional<double> sign_flip_p(std::span<const double> differences,
                                  const Resampling& resampling) {
  if (differences.empty()) return std::nullopt;
  double sum_as_given = 0.0;
  double magnitude = 0.0;
  for (const double difference : differences) {
    sum_as_given += difference;
    magnitude += std::abs(difference);
  }
  const double seen = std::abs(sum_as_given) - 1e-12 * magnitude;  // equal but for rounding counts
  std::int64_t as_far = 1;  // the signs as they are, which are one of the possible draws
  for (std::int64_t draw = 0; draw < resampling.draws; ++draw) {
    RandomStream random = stream(resampling, draw, "signs");
    double sum = 0.0;
    for (const double difference : differences)
      sum += random.next_u32() % 2 == 0 ? difference : -difference;
    if (std::abs(sum) >= seen) ++as_far;
  }
  return static_cast<double>(as_far) / static_cast<double>(resampling.draws + 1);
}

}  // namespace polaris
