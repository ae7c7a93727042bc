#include "rl/data_order.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "base/error.h"

namespace polaris {

std::vector<std::size_t> shuffled_order(std::size_t n, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + generator() % (n - i)]);
  return order;
}

std::int64_t DataOrder::steps_per_epoch() const {
  POLARIS_CHECK(per_step > 0);
  const std::size_t steps = drop_last ? records / per_step : (records + per_step - 1) / per_step;
  if (steps == 0)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{} prompts are fewer than the {} of one step; add prompts, lower "
                            "data.prompts_per_step or set data.drop_last = false",
                            records, per_step));
  return static_cast<std::int64_t>(steps);
}

std::int64_t DataOrder::epoch_of(std::int64_t step) const {
  POLARIS_CHECK(step >= 1, "step is {}", step);
  return (step - 1) / steps_per_epoch();
}

std::vector<std::size_t> DataOrder::records_of(std::int64_t step) const {
  const std::int64_t epoch = epoch_of(step);
  const auto order = shuffled_order(records, seed + static_cast<std::uint32_t>(epoch));
  const auto first = static_cast<std::size_t>((step - 1) % steps_per_epoch()) * per_step;
  const auto last = std::min(first + per_step, records);
  return {order.begin() + static_cast<std::ptrdiff_t>(first),
          order.begin() + static_cast<std::ptrdiff_t>(last)};
}

}  // namespace polaris
