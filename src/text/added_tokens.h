#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace polaris {

/// A token that is cut out of the text before anything else looks at it.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;      ///< left out by decode(skip_special)
  bool single_word = false;  ///< only where no word character (`\w`) touches it
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< and behind it
  bool normalized = false;   ///< searched in the normalised text, by its own normalised content
};

/// A stretch of text, or the added token that stands there.
struct Segment {
  ByteRange range;
  std::optional<TokenId> token;
};

/// Finds added tokens: leftmost first, of these the longest.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;

  /// @param content_of  what to search for; not empty
  AddedTokenFinder(std::span<const AddedToken> tokens,
                   const std::function<std::string(const AddedToken&)>& content_of);

  /// Cuts `text` at the added tokens. A match that overlaps a `plain` range (sorted, disjoint) is
  /// none. Precondition: `text` is valid UTF-8.
  std::vector<Segment> cut(std::string_view text, std::span<const ByteRange> plain) const;

  bool empty() const { return tokens_.empty(); }

 private:
  struct Entry {
    std::string content;
    AddedToken token;
  };

  const Entry* longest_at(std::string_view text, std::size_t pos) const;

  std::vector<Entry> tokens_;       // sorted by content
  std::array<bool, 256> begins_{};  // some content begins with this byte
};

}  // namespace polaris
