/// A token of one row by temperature, top-k, top-p and min-p, as rollout/token_choice.h chooses it,
/// by a block. Nearly always it is among the likeliest few: they are sorted, and one lane walks
/// them. For a row that is too flat for that, tokens are found by bisection: each question ("how
/// much weight do the tokens from here up have?") reads the row once.
#pragma once

#include "nn/cuda/lane_local.h"
#include "nn/cuda/lane_sums.h"
#include "nn/cuda/penalised_row.h"

namespace polaris::cuda {

/// What is chosen, and the weight of all that it was chosen from; the likeliest token's weight
/// is 1.
struct Choice {
  Candidate token = 0;  ///< 0: none found
  double kept_weight = 0;
};

template <int kLanes, class Block>
class RowChoice {
 public:
  static constexpr int kListed = 1024;  ///< tokens that are sorted at most
  static constexpr int kSure = 128;     ///< of which at least so many are the likeliest of the row

  RowChoice(const RowChoice&) = delete;
  RowChoice& operator=(const RowChoice&) = delete;

  POLARIS_DEVICE RowChoice(const Block& block, const PenalisedRow& row)
      : block_(block), row_(row), rules_(row.rules) {
    scale_ = rules_.is_greedy() ? 1.0F : static_cast<float>(1.0 / rules_.temperature);
    find_likeliest();
    if (likeliest_ != 0) sum_and_list();
  }

  /// False: nothing can be drawn, or the logits are no finite numbers.
  POLARIS_DEVICE bool is_sound() const {
    constexpr double kInfinity = __builtin_inf();
    return likeliest_ != 0 && plain_sum_ < kInfinity && plain_max_ > -__builtin_inff();
  }

  /// log softmax(logits / temperature), without penalties and filters; 1 for temperature 0.
  POLARIS_DEVICE double plain_logprob(std::int32_t token) const {
    const double temperature = rules_.is_greedy() ? 1.0 : rules_.temperature;
    return (static_cast<double>(row_.logits[token]) - plain_max_) / temperature -
           __builtin_log(plain_sum_);
  }

  /// Of a token beside the likeliest one's 1.
  POLARIS_DEVICE double weight(Candidate token) const { return row_.weight(token, likeliest_); }

  /// @param uniform  in [0, 1)
  POLARIS_DEVICE Choice draw(double uniform) const {
    if (rules_.is_greedy()) return {likeliest_, 1.0};
    const bool reaches = listed_ <= kListed && (rules_.top_k <= listed_ || lists_all());
    Choice choice;
    if (reaches) choice = walk(uniform);
    return choice.token != 0 ? choice : search(uniform);
  }

 private:
  struct Sums {
    double plain = 0, penalised = 0;
    float drawable = 0;
  };

  POLARIS_DEVICE bool lists_all() const { return listed_ == drawable_; }

  POLARIS_DEVICE float share(float logit, float max) const {
    return kernels::exp((logit - max) * scale_);
  }

  /// The likeliest token, and a bound that the likeliest kSure are not below: that many lanes have
  /// a token above it.
  POLARIS_DEVICE void find_likeliest() {
    Candidate* best = block_.template shared<Candidate, kLanes>();
    LaneLocal<float, Block> max;
    block_.each([&](int lane) {
      max[lane] = -__builtin_inff();
      best[lane] = 0;
      for (std::int32_t id = lane; id < rules_.width; id += kLanes) {
        max[lane] = row_.logits[id] > max[lane] ? row_.logits[id] : max[lane];
        const Candidate c = id < rules_.vocabulary ? row_[id] : 0;
        best[lane] = c > best[lane] ? c : best[lane];
      }
    });
    plain_max_ = block_.max([&](int lane) { return max[lane]; });
    sort_descending<kLanes>(block_, best, kLanes);
    const bool few = rules_.is_greedy() || (rules_.top_k > 0 && rules_.top_k < kSure);
    const int rank = rules_.is_greedy() ? 1 : few ? rules_.top_k : kSure;
    likeliest_ = best[0];
    bound_ = best[rank - 1] != 0 ? best[rank - 1] : 1;
  }

  POLARIS_DEVICE void sum_and_list() {
    constexpr int kRun = 8;  // added in float before they join a sum in double
    Candidate* list = block_.template shared<Candidate, kListed>();
    int* listed = block_.template shared<int, 1>();
    block_.each([&](int lane) {
      if (lane == 0) *listed = 0;
    });
    const float top = logit_of(likeliest_);
    LaneLocal<Sums, Block> sums;
    block_.each([&](int lane) {
      for (std::int32_t first = lane; first < rules_.width; first += kRun * kLanes) {
        float plain = 0, penalised = 0;
        for (int i = 0; i < kRun; ++i) {
          const std::int32_t id = first + i * kLanes;
          if (id >= rules_.width) break;
          plain += share(row_.logits[id], plain_max_);
          const Candidate c = id < rules_.vocabulary ? row_[id] : 0;
          if (c == 0) continue;
          sums[lane].drawable += 1.0F;
          if (rules_.top_k == 0) penalised += share(logit_of(c), top);
          if (c < bound_) continue;
          const int place = take_number(listed);
          if (place < kListed) list[place] = c;
        }
        sums[lane].plain += plain;
        sums[lane].penalised += penalised;
      }
    });
    listed_ = *listed;
    plain_sum_ = sum_of_doubles<kLanes>(block_, [&](int lane) { return sums[lane].plain; });
    weight_ = sum_of_doubles<kLanes>(block_, [&](int lane) { return sums[lane].penalised; });
    drawable_ = static_cast<int>(block_.sum([&](int lane) { return sums[lane].drawable; }));
  }

  /// Sorts the list and lets one lane go through it.
  POLARIS_DEVICE Choice walk(double uniform) const {
    Candidate* list = block_.template shared<Candidate, kListed>();
    double* weights = block_.template shared<double, kListed>();
    int size = 1;
    while (size < listed_) size *= 2;
    block_.each([&](int lane) {
      for (int i = listed_ + lane; i < size; i += kLanes) list[i] = 0;
    });
    sort_descending<kLanes>(block_, list, size);
    block_.each([&](int lane) {
      for (int i = lane; i < listed_; i += kLanes) weights[i] = weight(list[i]);
    });
    auto* choice = block_.template shared<Choice, 1>();
    block_.each([&](int lane) {
      if (lane == 0) *choice = walk(list, weights, uniform);
    });
    return *choice;
  }

  /// None, if the end of the list comes before that of the tokens that may be drawn.
  POLARIS_DEVICE Choice walk(const Candidate* list, const double* weights, double uniform) const {
    const bool is_whole = rules_.top_k > 0 || lists_all();
    int kept = listed_;
    double kept_weight = weight_;
    if (rules_.top_k > 0) {
      if (rules_.top_k < kept) kept = rules_.top_k;
      kept_weight = 0;
      for (int i = 0; i < kept; ++i) kept_weight += weights[i];
    }
    bool ends = is_whole;
    if (rules_.top_p < 1 || rules_.min_p > 0) {
      const double enough = rules_.top_p < 1 ? rules_.top_p * kept_weight : kept_weight;
      double sum = 0;
      int count = 0;
      while (count < kept && (count == 0 || (sum < enough && weights[count] >= rules_.min_p)))
        sum += weights[count++];
      ends = ends || count < kept || sum >= enough;
      kept = count;
      kept_weight = sum;
      if (!ends) return {};
    }
    const double target = uniform * kept_weight;
    double sum = weights[0];
    int rank = 0;
    while (sum <= target && rank + 1 < kept && weights[rank + 1] > 0) sum += weights[++rank];
    if (sum <= target && !ends) return {};
    return {list[rank], kept_weight};
  }

  /// The same for any row, in up to 64 readings of it for each filter.
  POLARIS_DEVICE Choice search(double uniform) const {
    Candidate from = 1;
    if (rules_.top_k > 0 && rules_.top_k < drawable_)
      from = last_where([&](Candidate c) { return count_from(c) >= rules_.top_k; });
    if (rules_.top_p < 1) {
      const double enough = rules_.top_p * weight_from(from, /*min_weight=*/0);
      const Candidate end = last_where([&](Candidate c) {
        return weight_from(c > from ? c : from, /*min_weight=*/0) >= enough;
      });
      from = end > from ? end : from;
    }
    const double kept_weight = weight_from(from, rules_.min_p);
    const double target = uniform * kept_weight;
    const Candidate token = last_where(
        [&](Candidate c) { return weight_from(c > from ? c : from, rules_.min_p) > target; });
    return {token >= from ? token : likeliest_, kept_weight};
  }

  /// The largest number of which `holds` is true, where it is true below that and false above.
  template <class Holds>
  POLARIS_DEVICE Candidate last_where(const Holds& holds) const {
    Candidate low = 0, high = likeliest_ + 1;
    while (high - low > 1) {
      const Candidate middle = low + (high - low) / 2;
      (holds(middle) ? low : high) = middle;
    }
    return low;
  }

  POLARIS_DEVICE int count_from(Candidate from) const {
    return static_cast<int>(block_.sum([&](int lane) {
      float count = 0;
      for (std::int32_t id = lane; id < rules_.vocabulary; id += kLanes)
        count += row_[id] >= from ? 1.0F : 0.0F;
      return count;
    }));
  }

  /// Of the tokens from `from` up that weigh at least so much.
  POLARIS_DEVICE double weight_from(Candidate from, double min_weight) const {
    return sum_of_doubles<kLanes>(block_, [&](int lane) {
      double sum = 0;
      for (std::int32_t id = lane; id < rules_.vocabulary; id += kLanes) {
        const Candidate c = row_[id];
        if (c < from) continue;
        const double w = weight(c);
        if (w >= min_weight) sum += w;
      }
      return sum;
    });
  }

  const Block& block_;
  const PenalisedRow& row_;
  const DrawRules& rules_;
  float scale_;  // 1 / temperature
  float plain_max_ = 0;
  double plain_sum_ = 0;
  double weight_ = 0;  // of all tokens, where there is no top-k
  Candidate likeliest_ = 0, bound_ = 1;
  int listed_ = 0, drawable_ = 0;
};

}  // namespace polaris::cuda
