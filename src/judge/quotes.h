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

struct QuoteCheck {
  QuoteStatus status = QuoteStatus::kEmpty;
  std::int64_t words = 0;          ///< pieces between white space
  std::optional<double> position;  ///< in [0, 1) of the story's characters; absent: not found

  bool is_verified() const {
    return status == QuoteStatus::kExact || status == QuoteStatus::kCaseOnly;
  }
};

/// Looks quotes up in one story. Both are compared in NFC, with typographic quotes, dashes and
/// ellipses as ASCII and runs of white space as one blank; quotation marks around a quote go.
/// Source: specs/evaluation.md 2.4; golden/eval `quote_check`.
class QuoteChecker {
 public:
  QuoteChecker(std::string_view story, std::int64_t max_words);

  QuoteCheck check(std::string_view quote) const;

 private:
  std::string story_;
  std::string lower_story_;
  std::int64_t max_words_;
};

}  // namespace polaris
