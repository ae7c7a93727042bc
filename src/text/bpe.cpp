#include "text/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

#include "base/error.h"

namespace polaris {
namespace {

/// Up to here, finding the best pair by a scan is faster than keeping a heap.
constexpr std::size_t kScanLimit = 32;

constexpr Merge kNoMerge = {.rank = UINT32_MAX, .result = -1};

Merge merge_of(const MergeTable& merges, TokenId left, TokenId right) {
  const Merge* found = merges.find(left, right);
  return found == nullptr ? kNoMerge : *found;
}

/// @return how many tokens are left
std::size_t merge_by_scan(const MergeTable& merges, std::span<TokenId> tokens) {
  std::array<Merge, kScanLimit> pairs;  // pairs[i]: tokens i and i + 1
  std::size_t count = tokens.size();
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = merge_of(merges, tokens[i], tokens[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoMerge.rank) break;
    tokens[best] = pairs[best].result;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) tokens[i] = tokens[i + 1];
    for (std::size_t i = best + 1; i + 1 < count; ++i) pairs[i] = pairs[i + 1];
    if (best > 0) pairs[best - 1] = merge_of(merges, tokens[best - 1], tokens[best]);
    if (best + 1 < count) pairs[best] = merge_of(merges, tokens[best], tokens[best + 1]);
  }
  return count;
}

/// The same for long words: a linked list of tokens and a heap of pairs. A pair whose tokens have
/// changed since it entered the heap is recognised by its rank and skipped.
std::size_t merge_by_heap(const MergeTable& merges, std::span<TokenId> tokens) {
  POLARIS_CHECK(tokens.size() < UINT32_MAX);
  struct Candidate {
    std::uint32_t rank;
    std::uint32_t position;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  constexpr TokenId kGone = -1;
  const auto end = static_cast<std::uint32_t>(tokens.size());
  std::vector<std::uint32_t> next(end);
  std::vector<std::uint32_t> previous(end);  // of position 0: itself
  std::vector<Candidate> initial;
  for (std::uint32_t i = 0; i < end; ++i) {
    next[i] = i + 1;
    previous[i] = i == 0 ? 0 : i - 1;
    if (i + 1 == end) break;
    if (const Merge* merge = merges.find(tokens[i], tokens[i + 1]))
      initial.push_back({merge->rank, i});
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>(),
                                                                              std::move(initial));
  const auto offer = [&](std::uint32_t left, std::uint32_t right) {
    if (const Merge* merge = merges.find(tokens[left], tokens[right]))
      heap.push({merge->rank, left});
  };
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    const std::uint32_t left = top.position;
    const std::uint32_t right = next[left];
    if (tokens[left] == kGone || right == end) continue;
    const Merge* merge = merges.find(tokens[left], tokens[right]);
    if (merge == nullptr || merge->rank != top.rank) continue;
    tokens[left] = merge->result;
    tokens[right] = kGone;
    next[left] = next[right];
    if (next[left] != end) {
      previous[next[left]] = left;
      offer(left, next[left]);
    }
    if (previous[left] != left) offer(previous[left], left);
  }
  return static_cast<std::size_t>(std::remove(tokens.begin(), tokens.end(), kGone) -
                                  tokens.begin());
}

}  // namespace

void MergeTable::reserve(std::size_t count) {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(2, count * 2)), Slot{});
  mask_ = slots_.size() - 1;
  shift_ = 64 - std::countr_zero(slots_.size());
}

void MergeTable::add(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t slot = slot_of(key);
  while (slots_[slot].key != kFree && slots_[slot].key != key) slot = (slot + 1) & mask_;
  slots_[slot] = {.key = key, .merge = merge};
}

void apply_merges(const MergeTable& merges, std::vector<TokenId>& tokens, std::size_t begin) {
  const auto word = std::span(tokens).subspan(begin);
  const std::size_t left =
      word.size() <= kScanLimit ? merge_by_scan(merges, word) : merge_by_heap(merges, word);
  tokens.resize(begin + left);
}

void apply_merges_reference(const MergeTable& merges, std::vector<TokenId>& tokens,
                            std::size_t begin) {
  for (;;) {
    Merge best = kNoMerge;
    std::size_t best_at = 0;
    for (std::size_t i = begin; i + 1 < tokens.size(); ++i) {
      const Merge merge = merge_of(merges, tokens[i], tokens[i + 1]);
      if (merge.rank < best.rank) {
        best = merge;
        best_at = i;
      }
    }
    if (best.rank == kNoMerge.rank) return;
    tokens[best_at] = best.result;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

}  // namespace polaris
