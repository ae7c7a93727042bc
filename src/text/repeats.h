#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace polaris {

// What the self-repetition score is made of (specs/recipe.md 6.3), as numbers: equal tokens, grams
// and lines have equal ids, so that whoever scores them never touches a string. Ids are dense and
// in the order of first appearance. Positions count code points; an invalid part of UTF-8 is one.

/// Code points [begin, end) of a text.
struct CharacterRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct RepeatTokens {
  std::vector<std::uint32_t> ids;     ///< [T]
  std::vector<CharacterRange> spans;  ///< [T]
};

/// The tokens of R: runs of word characters, and every other character that is not white space;
/// compared in lower case (Python's str.lower of each token).
RepeatTokens repeat_tokens(std::string_view text);

/// [T - n + 1] the id of each run of n consecutive tokens; none if there are fewer, or n < 1.
/// Compared token by token, so that equal ids mean equal grams.
std::vector<std::uint32_t> gram_ids(std::span<const std::uint32_t> tokens, int n);

struct RepeatStats {
  std::int64_t count = 0;     ///< N, how many
  std::int64_t repeated = 0;  ///< sum over distinct ones of (count - 1)
  std::int64_t local = 0;     ///< those seen already among the window - 1 before them

  /// repeated / N and local / N; 0 if N is 0.
  double repeated_ratio() const;
  double local_ratio() const;
};

/// @param window  the nominal window, 64 in the recipe: an equal gram 63 back counts, 64 back does
///                not; 0 and 1 give no local repeats
RepeatStats repeat_stats(std::span<const std::uint32_t> ids, int window);

/// A line that is not blank.
struct TextLine {
  std::uint32_t id = 0;  ///< of its text without the white space around it; case counts
  CharacterRange span;   ///< of the whole line with its line break
};

/// Lines end where Python's str.splitlines ends them: LF, CR, CRLF, VT, FF, U+001C..U+001E, U+0085,
/// U+2028, U+2029.
std::vector<TextLine> text_lines(std::string_view text);

}  // namespace polaris
