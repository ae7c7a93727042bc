#include "nn/micro_batches.h"

#include <algorithm>
#include <numeric>

namespace polaris {
namespace {

std::vector<std::size_t> longest_first(std::span<const std::int64_t> tokens) {
  std::vector<std::size_t> order(tokens.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return tokens[a] > tokens[b]; });
  return order;
}

}  // namespace

std::vector<std::vector<std::size_t>> make_micro_batches(std::span<const std::int64_t> tokens,
                                                         std::int64_t budget) {
  std::vector<std::vector<std::size_t>> batches;
  std::vector<std::int64_t> room;
  for (const std::size_t index : longest_first(tokens)) {
    const auto fits = std::ranges::find_if(room, [&](auto left) { return left >= tokens[index]; });
    const auto place = static_cast<std::size_t>(fits - room.begin());
    if (fits == room.end()) {
      batches.emplace_back();
      room.push_back(budget);
    }
    batches[place].push_back(index);
    room[place] -= tokens[index];
  }
  return batches;
}

std::vector<int> deal(std::span<const std::int64_t> tokens, std::span<std::int64_t> load) {
  std::vector<int> ranks(tokens.size());
  for (const std::size_t index : longest_first(tokens)) {
    const auto least = std::ranges::min_element(load);
    *least += tokens[index];
    ranks[index] = static_cast<int>(least - load.begin());
  }
  return ranks;
}

}  // namespace polaris
