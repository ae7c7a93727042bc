#include "eval/paired_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/random.h"
#include "eval/length_buckets.h"

namespace polaris {
namespace {

/// A value with the places of its seed and prompt among all of them.
struct Cell {
  std::size_t seed, prompt;
  std::optional<std::size_t> bucket;
  double with, without;
};

struct Means {
  double with = 0.0;
  double without = 0.0;
};

/// What a row is of cells that count `weights` times; nothing if too few do.
using Statistic = std::function<std::optional<Means>(std::span<const double> weights)>;

template <class Key, class Of>
std::vector<Key> distinct(std::span<const PairedValue> values, Of of) {
  std::set<Key> keys;
  for (const PairedValue& value : values) keys.insert(of(value));
  return {keys.begin(), keys.end()};
}

template <class Key>
std::size_t place(const std::vector<Key>& keys, const Key& key) {
  return static_cast<std::size_t>(std::lower_bound(keys.begin(), keys.end(), key) - keys.begin());
}

class Table {
 public:
  Table(std::span<const PairedValue> values, const EvalConfig& config) : config_(config) {
    const auto seeds = distinct<std::uint64_t>(values, [](auto& value) { return value.seed; });
    const auto prompts = distinct<std::string>(values, [](auto& value) { return value.prompt_id; });
    seeds_ = seeds.size();
    prompts_ = prompts.size();
    for (const PairedValue& value : values)
      cells_.push_back({.seed = place(seeds, value.seed),
                        .prompt = place(prompts, value.prompt_id),
                        .bucket = value.target_words
                                      ? bucket_of(*value.target_words, config.buckets)
                                      : std::nullopt,
                        .with = value.with,
                        .without = value.without});
  }

  std::vector<PairedRow> rows() const {
    std::vector<PairedRow> rows;
    const auto add = [&](std::string label, const Statistic& statistic, auto&& counts) {
      if (auto row = this->row(std::move(label), statistic, counts)) rows.push_back(*row);
    };
    const auto every = [](const Cell&) { return true; };
    add(
        "all", [&](auto weights) { return mean(weights, every); }, every);
    for (std::size_t b = 0; b < config_.buckets.size(); ++b) {
      const auto in_bucket = [b](const Cell& cell) { return cell.bucket == b; };
      add(
          fmt::format("up to {} words", config_.buckets[b]),
          [&](auto weights) { return mean(weights, in_bucket); }, in_bucket);
    }
    add(
        "slope per bucket", [&](auto weights) { return slope(weights); },
        [](const Cell& cell) { return cell.bucket.has_value(); });
    return rows;
  }

 private:
  template <class Counts>
  std::optional<Means> mean(std::span<const double> weights, const Counts& counts) const {
    double sum_with = 0.0, sum_without = 0.0, total = 0.0;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (!counts(cells_[i])) continue;
      sum_with += weights[i] * cells_[i].with;
      sum_without += weights[i] * cells_[i].without;
      total += weights[i];
    }
    if (total == 0.0) return std::nullopt;
    return Means{.with = sum_with / total, .without = sum_without / total};
  }

  std::optional<Means> slope(std::span<const double> weights) const {
    std::vector<std::optional<double>> with, without;
    for (std::size_t b = 0; b < config_.buckets.size(); ++b) {
      const auto means = mean(weights, [b](const Cell& cell) { return cell.bucket == b; });
      with.push_back(means ? std::optional(means->with) : std::nullopt);
      without.push_back(means ? std::optional(means->without) : std::nullopt);
    }
    const auto slope_with = bucket_slope(with), slope_without = bucket_slope(without);
    if (!slope_with) return std::nullopt;
    return Means{.with = *slope_with, .without = *slope_without};
  }

  template <class Counts>
  std::optional<PairedRow> row(std::string label, const Statistic& statistic,
                               const Counts& counts) const {
    const auto means = statistic(std::vector<double>(cells_.size(), 1.0));
    if (!means) return std::nullopt;
    std::set<std::size_t> seeds, prompts;
    for (const Cell& cell : cells_) {
      if (!counts(cell)) continue;
      seeds.insert(cell.seed);
      prompts.insert(cell.prompt);
    }
    return PairedRow{.label = std::move(label),
                     .with = means->with,
                     .without = means->without,
                     .difference = means->with - means->without,
                     .interval = interval(statistic),
                     .prompts = static_cast<std::int64_t>(prompts.size()),
                     .seeds = static_cast<std::int64_t>(seeds.size())};
  }

  /// Draws in which the statistic is not defined (a bucket without prompts) are left out.
  std::optional<Interval> interval(const Statistic& statistic) const {
    if (seeds_ < 2 || prompts_ < 2) return std::nullopt;
    std::vector<double> differences;
    for (std::int64_t draw = 0; draw < config_.resamples; ++draw) {
      RandomStream random({.seed = static_cast<std::uint64_t>(config_.seed),
                           .prompt_hash = id_hash("seeds and prompts"),
                           .sample = static_cast<std::uint32_t>(draw),
                           .purpose = RandomPurpose::kBootstrap});
      const auto seed_counts = drawn(seeds_, random);
      const auto prompt_counts = drawn(prompts_, random);
      std::vector<double> weights;
      for (const Cell& cell : cells_)
        weights.push_back(seed_counts[cell.seed] * prompt_counts[cell.prompt]);
      if (const auto means = statistic(weights))
        differences.push_back(means->with - means->without);
    }
    return percentile_interval(differences);
  }

  /// How often each of `count` things is taken when `count` are drawn with replacement.
  static std::vector<double> drawn(std::size_t count, RandomStream& random) {
    std::vector<double> counts(count);
    for (std::size_t i = 0; i < count; ++i)
      counts[random.below(static_cast<std::uint32_t>(count))] += 1.0;
    return counts;
  }

  const EvalConfig& config_;
  std::size_t seeds_ = 0, prompts_ = 0;
  std::vector<Cell> cells_;
};

}  // namespace

std::vector<PairedRow> paired_table(std::span<const PairedValue> values, const EvalConfig& config) {
  return Table(values, config).rows();
}

}  // namespace polaris
