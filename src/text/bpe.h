#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace polaris {

/// Two neighbouring tokens that may become one. The lowest rank goes first.
struct Merge {
  std::uint32_t rank;
  TokenId result;
};

/// Merges by their pair: one flat hash table, 16 bytes per slot, so that the 250,000 merges of a
/// published tokenizer stay in the cache of a core.
class MergeTable {
 public:
  /// Room for `count` merges; to be called once, first.
  void reserve(std::size_t count);

  /// A pair that is there already gets the new merge, as in the reference loader.
  void add(TokenId left, TokenId right, Merge merge);

  /// Null if the pair does not merge.
  const Merge* find(TokenId left, TokenId right) const {
    if (slots_.empty()) return nullptr;
    const std::uint64_t key = key_of(left, right);
    for (std::size_t slot = slot_of(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return &slots_[slot].merge;
      if (slots_[slot].key == kFree) return nullptr;
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};  // ids are not negative

  struct Slot {
    std::uint64_t key = kFree;
    Merge merge{};
  };

  static std::uint64_t key_of(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t slot_of(std::uint64_t key) const {
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15U >> shift_);
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  int shift_ = 0;
};

/// Byte-pair encoding of one word: while some neighbouring pair in tokens[begin..] has a merge, the
/// pair of lowest rank (the leftmost of these) becomes its result. In place; the vector shrinks.
/// Short words are scanned, long ones go through a heap: O(n log n).
void apply_merges(const MergeTable& merges, std::vector<TokenId>& tokens, std::size_t begin);

/// The same by the definition, scanning all pairs every time: what the tests compare with.
void apply_merges_reference(const MergeTable& merges, std::vector<TokenId>& tokens,
                            std::size_t begin);

}  // namespace polaris
