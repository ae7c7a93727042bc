#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polaris {

/// Whether a story says what the judge says it says.
enum class QuoteStatus {
  kExact,     ///< found
  kCaseOnly,  ///< found when case is ignored
  kNotFound,
  kTooLong,  ///< more words than the rubric allows; not searched for
  kEmpty,
};
std::string_view quote_status_name(QuoteStatus status);

/// Whether the words are in the story, in whatever case.
inline bool is_verified(QuoteStatus status) {
  return status == QuoteStatus::kExact || status == QuoteStatus::kCaseOnly;
}

struct QuoteCheck {
  QuoteStatus status = QuoteStatus::kEmpty;
  std::int64_t words = 0;          ///< pieces between white space
  std::optional<double> position;  ///< in [0, 1) of the story's characters; absent: not found

  bool is_verified() const { return polaris::is_verified(status); }
};

/// Looks quotes up in one story. Both are compared in NFC, with typographic quotes, dashes and
/// ellipses as ASCII and runs of white space as one blank; quotation marks around a quote go. For
/// one thread. Source: specs/evaluation.md 2.4; golden/eval `quote_check`.
class QuoteChecker {
 public:
  /// `story` is borrowed.
  QuoteChecker(std::string_view story, std::int64_t max_words);

  QuoteStatus status(std::string_view quote) const;

  /// The same with the place, which takes a look at the whole story.
  QuoteCheck check(std::string_view quote) const;

 private:
  struct Search {
    QuoteStatus status = QuoteStatus::kEmpty;
    std::int64_t words = 0;
    std::optional<std::size_t> offset = std::nullopt;  ///< in the text that it was found in
  };
  Search search(std::string_view quote, bool with_place) const;
  bool is_written(std::string_view text) const;
  const std::string& story() const;
  const std::string& lower_story() const;

  std::string_view written_;  // as the story is written
  bool is_nfc_;
  mutable std::optional<std::string> story_;        // normalised; for the first quote that needs it
  mutable std::optional<std::string> lower_story_;  // likewise
  std::int64_t max_words_;
};

}  // namespace polaris
