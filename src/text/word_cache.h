#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace polaris {

/// The tokens of short pieces met before in the same text: prose repeats a few thousand words.
/// Of bounded size, direct-mapped (a newcomer replaces whoever has its place); belongs to one call.
class WordCache {
 public:
  /// Inactive for a text so short that clearing the cache would cost more than it saves.
  explicit WordCache(std::size_t text_bytes) {
    if (text_bytes < kWorthwhile) return;
    entries_.resize(std::min(kMaxEntries, std::bit_ceil(text_bytes / 16)));
    shift_ = 64 - std::countr_zero(entries_.size());
  }

  /// Appends the tokens of `piece` if they are known.
  bool append(std::string_view piece, std::vector<TokenId>& out) const {
    if (entries_.empty() || piece.size() > kMaxBytes) return false;
    const Key key = key_of(piece);
    const Entry& entry = entries_[slot_of(key)];
    if (entry.key != key) return false;
    out.insert(out.end(), entry.tokens.begin(), entry.tokens.begin() + entry.count);
    return true;
  }

  void store(std::string_view piece, std::span<const TokenId> tokens) {
    if (entries_.empty() || piece.size() > kMaxBytes || tokens.size() > kMaxTokens) return;
    const Key key = key_of(piece);
    Entry& entry = entries_[slot_of(key)];
    entry.key = key;
    entry.count = static_cast<std::uint32_t>(tokens.size());
    std::copy(tokens.begin(), tokens.end(), entry.tokens.begin());
  }

 private:
  static constexpr std::size_t kWorthwhile = 4096;   // bytes
  static constexpr std::size_t kMaxEntries = 16384;  // 768 KB
  static constexpr std::size_t kMaxBytes = 15;
  static constexpr std::size_t kMaxTokens = 7;

  /// The bytes, then zeros, then the length.
  struct Key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const Key&) const = default;
  };

  struct Entry {
    Key key;  // of no piece: the length is 0
    std::uint32_t count = 0;
    std::array<TokenId, kMaxTokens> tokens{};
  };

  static Key key_of(std::string_view piece) {
    std::array<char, 16> bytes{};
    std::memcpy(bytes.data(), piece.data(), piece.size());
    bytes[15] = static_cast<char>(piece.size());
    Key key;
    std::memcpy(&key, bytes.data(), sizeof key);
    return key;
  }

  std::size_t slot_of(const Key& key) const {
    const std::uint64_t mixed = (key.low ^ key.high * 0xC2B2AE3D27D4EB4FU) * 0x9E3779B97F4A7C15U;
    return static_cast<std::size_t>(mixed >> shift_);
  }

  int shift_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace polaris
