#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace polaris {

/// Token texts numbered by id, found both ways. All texts lie in one string, so that a vocabulary
/// of 250,000 entries loads in milliseconds.
class Vocabulary {
 public:
  /// False, and nothing changes, if the text or the id is taken. Precondition: id >= 0.
  /// The caller bounds `id`: the table by id is as long as the largest one.
  bool add(std::string_view text, TokenId id);

  std::optional<TokenId> find(std::string_view text) const;

  /// Absent for an id that names no token. The view lives until the next add().
  std::optional<std::string_view> text_of(TokenId id) const;

  std::size_t count() const { return entries_.size(); }

  /// One more than the largest id.
  std::size_t id_limit() const { return entry_by_id_.size(); }

  /// Bytes of the longest text.
  std::size_t longest() const { return longest_; }

 private:
  struct Entry {
    std::uint32_t begin;
    std::uint32_t length;
    std::uint32_t hash;
    TokenId id;
  };

  std::string_view view(const Entry& entry) const {
    return std::string_view(texts_).substr(entry.begin, entry.length);
  }
  std::size_t slot_of(std::string_view text, std::uint32_t hash) const;
  void grow();

  std::string texts_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;        // open addressing: 1 + index into entries_, 0 = free
  std::vector<std::uint32_t> entry_by_id_;  // the same
  std::size_t longest_ = 0;
};

}  // namespace polaris
