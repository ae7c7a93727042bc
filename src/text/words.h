#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace polaris {

// Three ways to count words, which differ by several percent; never mix them in one column.

/// What the length and blank penalties measure (specs/recipe.md 6.4), on the text with its HTML
/// references decoded.
struct TextCounts {
  std::int64_t words = 0;       ///< runs of word characters (`\w+`): "don't" is 2, "3.14" is 2
  std::int64_t characters = 0;  ///< code points
  std::int64_t visible = 0;     ///< of them not white space

  /// visible / characters; 0 for an empty text.
  double visible_ratio() const;
};

/// How combining marks are counted. A mark is no word character: it ends a run.
enum class WordForm {
  kNfc,   ///< the text is normalised first: "résumé" is 1 word however it is typed (corrected)
  kAsIs,  ///< 2 when its accents are separate code points (published)
};

TextCounts count_text(std::string_view text, WordForm form);

/// Pieces between white space, as Python's len(text.split()) counts.
std::int64_t count_pieces(std::string_view text);

/// Counts the words of a text that arrives in pieces; characters may be cut anywhere. Work per byte
/// is constant. Source: specs/local_inference.md 8.1.
class WordCounter {
 public:
  void add(std::string_view bytes);

  /// Runs of non-white space with at least one letter or number. What users are shown.
  std::int64_t words() const { return words_; }

  /// Runs of word characters. Less than TextCounts::words only by HTML references and NFC.
  std::int64_t word_runs() const { return runs_; }

 private:
  void add_character(char32_t c);

  std::int64_t words_ = 0;
  std::int64_t runs_ = 0;
  bool in_piece_with_word_ = false;
  bool in_run_ = false;
  std::array<char, 4> pending_{};  // the beginning of a character
  std::size_t pending_size_ = 0;
};

/// WordCounter::words() of a whole text.
std::int64_t count_words(std::string_view text);

}  // namespace polaris
