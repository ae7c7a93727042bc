#include "nn/internal/sharding.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/error.h"

namespace polaris::nn {
namespace {

/// What travels at once, per rank.
constexpr std::int64_t kSlice = std::int64_t{1} << 22;

SingleProcess& alone() {
  static SingleProcess process;
  return process;
}

/// The cut nearest below `index`: in a parameter, between its blocks; in a gap, behind it.
std::int64_t cut_at(const ParameterLayout& layout, std::int64_t index) {
  for (const Parameter& parameter : layout.parameters()) {
    const ParameterRange& range = parameter.range;
    if (index <= range.begin) return range.begin;
    if (index < range.end())
      return range.begin + (index - range.begin) / Sharding::kGrain * Sharding::kGrain;
  }
  return layout.size();
}

}  // namespace

Sharding::Sharding(const ParameterLayout& layout, Collective* collective)
    : collective_(collective != nullptr ? collective : &alone()) {
  const std::int64_t size = layout.size();
  const int ranks = collective_->size();
  std::int64_t begin = 0;
  for (int r = 1; r <= ranks; ++r) {
    const std::int64_t end = r == ranks ? size : cut_at(layout, size / ranks * r);
    ranges_.push_back({begin, end - begin});
    std::vector<Shard>& shards = shards_.emplace_back();
    for (std::size_t i = 0; i < layout.parameters().size(); ++i) {
      const ParameterRange& parameter = layout.parameters()[i].range;
      const std::int64_t from = std::max(begin, parameter.begin);
      const std::int64_t to = std::min(end, parameter.end());
      if (from < to)
        shards.push_back(
            {.parameter = i, .first = from - parameter.begin, .range = {from, to - from}});
    }
    begin = end;
  }
}

void Sharding::reduce(const at::Tensor& arena) const {
  if (ranks() == 1) return;
  const c10::NoGradGuard no_graph;
  const auto longest = std::ranges::max(ranges_, {}, &ParameterRange::count).count;
  const std::int64_t width = std::min(longest, kSlice);
  const at::Tensor send = at::empty({ranks(), width}, arena.options());
  const at::Tensor receive = at::empty_like(send);
  const auto slice = [&](int rank, std::int64_t first) {
    const ParameterRange part = range(rank);
    const std::int64_t from = std::min(first, part.count);
    return arena.narrow(0, part.begin + from, std::min(width, part.count - from));
  };
  for (std::int64_t first = 0; first < longest; first += width) {
    for (int to = 0; to < ranks(); ++to) {
      const at::Tensor part = slice(to, first);
      send[to].narrow(0, 0, part.numel()).copy_(part);
    }
    collective_->all_to_all(send, receive);
    at::Tensor sum = slice(rank(), first);
    const auto part_of = [&](int from) { return receive[from].narrow(0, 0, sum.numel()); };
    sum.copy_(part_of(0));
    for (int from = 1; from < ranks(); ++from) sum.add_(part_of(from));
  }
}

void Sharding::share(const at::Tensor& arena) const {
  if (ranks() == 1) return;
  for (int owner = 0; owner < ranks(); ++owner) {
    const ParameterRange part = range(owner);
    if (part.count > 0) collective_->broadcast(arena.narrow(0, part.begin, part.count), owner);
  }
}

void Sharding::stream(
    int owner, const at::Tensor& values, std::int64_t count, const at::TensorOptions& options,
    const std::function<void(std::int64_t first, const at::Tensor& slice)>& sink) const {
  for (std::int64_t first = 0; first < count; first += kSlice) {
    const std::int64_t width = std::min(kSlice, count - first);
    const at::Tensor slice =
        owner == rank() ? values.narrow(0, first, width) : at::empty({width}, options);
    collective_->broadcast(slice, owner);
    sink(first, slice);
  }
}

}  // namespace polaris::nn
