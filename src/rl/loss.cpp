#include "rl/loss.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace polaris {
namespace {

constexpr std::size_t kParts = 4;  // devices of the published run

/// `kParts` sets of row indices with their summed costs, the dearest set first.
struct Partition {
  struct Part {
    double cost = 0.0;
    std::vector<std::size_t> rows;
  };
  std::vector<Part> parts;

  double spread() const { return parts.front().cost - parts.back().cost; }

  void sort() {
    std::ranges::stable_sort(parts, [](const Part& a, const Part& b) { return a.cost > b.cost; });
  }
};

/// Largest differencing (Karmarkar-Karp): merge the two partitions with the largest spread, the
/// dearest part of one with the cheapest of the other, until one is left. Each starts with one row
/// per part, so that all parts end with the same count; missing rows are placeholders of cost 0.
Partition balance(std::span<const double> costs) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return costs[a] > costs[b]; });

  std::vector<Partition> pending;
  for (std::size_t first = 0; first < order.size(); first += kParts) {
    Partition partition{.parts = std::vector<Partition::Part>(kParts)};
    for (std::size_t i = first; i < std::min(first + kParts, order.size()); ++i)
      partition.parts[i - first] = {.cost = costs[order[i]], .rows = {order[i]}};
    pending.push_back(std::move(partition));
  }
  const auto by_spread = [](const Partition& a, const Partition& b) {
    return a.spread() > b.spread();
  };
  while (pending.size() > 1) {
    std::ranges::stable_sort(pending, by_spread);
    Partition& a = pending[0];
    const Partition& b = pending[1];
    for (std::size_t i = 0; i < kParts; ++i) {
      const Partition::Part& other = b.parts[kParts - 1 - i];
      a.parts[i].cost += other.cost;
      a.parts[i].rows.insert(a.parts[i].rows.end(), other.rows.begin(), other.rows.end());
    }
    a.sort();
    pending.erase(pending.begin() + 1);
  }
  return pending.empty() ? Partition{} : std::move(pending.front());
}

std::vector<std::size_t> evens_up_then_odds_down(const std::vector<std::size_t>& sorted) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < sorted.size(); i += 2) out.push_back(sorted[i]);
  const std::size_t last_odd = sorted.size() / 2 * 2;
  for (std::size_t i = last_odd; i >= 2; i -= 2) out.push_back(sorted[i - 1]);
  return out;
}

}  // namespace

std::vector<std::string> enum_names(Normaliser) { return {"token_mean", "pair_mean"}; }
std::vector<std::string> enum_names(ImportanceWeights) { return {"off", "truncated"}; }

void LossConfig::fields(FieldList& list) {
  list("clip_low", clip_low, "the ratio is clipped below 1 - clip_low",
       {.range = between(0, 1, "the clipped ratio must stay positive")});
  list("clip_high", clip_high, "the ratio is clipped above 1 + clip_high",
       {.range = at_least(0, "the upper clip must not lie below 1")});
  list("dual_clip", dual_clip, "bound on the loss of a row with negative advantage, times |A|",
       {.range = at_least(1, "below 1 it would clip tokens whose ratio is 1")});
  list("normaliser", normaliser, "mean over all response tokens, or over pairs of rows");
  list("importance_weights", importance_weights,
       "weights for tokens drawn from another distribution than the trained one");
  list("importance_cap", importance_cap, "largest importance weight",
       unused_if(importance_weights == ImportanceWeights::kOff, "loss.importance_weights = off",
                 at_least(1, "a cap below 1 would shrink on-policy tokens")));
}

std::vector<std::vector<std::size_t>> pair_rows(std::span<const Row> rows) {
  std::vector<double> costs;
  for (const Row& row : rows) {
    const auto n = static_cast<double>(row.prompt_tokens.size() + row.response_tokens.size());
    costs.push_back(24576.0 * n + n * n);
  }
  std::vector<std::vector<std::size_t>> pairs;
  for (Partition::Part& part : balance(costs).parts) {
    std::ranges::sort(part.rows, [&](auto a, auto b) {
      return costs[a] != costs[b] ? costs[a] < costs[b] : a < b;
    });
    const auto order = evens_up_then_odds_down(part.rows);
    for (std::size_t i = 0; i < order.size(); i += 2) {
      const auto end = std::min(i + 2, order.size());
      pairs.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(i),
                         order.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  return pairs;
}

void normalise(Batch& batch, Normaliser normaliser) {
  const auto tokens_of = [&](std::size_t i) { return batch.rows[i].response_tokens.size(); };
  if (normaliser == Normaliser::kTokenMean) {
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      batch.rows[i].coefficient = 1.0;
      tokens += tokens_of(i);
    }
    batch.step_scale = tokens == 0 ? 0.0 : 1.0 / static_cast<double>(tokens);
    return;
  }
  const auto pairs = pair_rows(batch.rows);
  for (const auto& pair : pairs) {
    std::size_t tokens = 0;
    for (const std::size_t i : pair) tokens += tokens_of(i);
    for (const std::size_t i : pair)
      batch.rows[i].coefficient = tokens == 0 ? 0.0 : 1.0 / static_cast<double>(tokens);
  }
  batch.step_scale = pairs.empty() ? 0.0 : 1.0 / static_cast<double>(pairs.size());
}

}  // namespace polaris
