#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace polaris {

/// A length in a prompt: "1,500 words long", "2000-word", "3k words in length".
struct LengthPhrase {
  std::size_t begin = 0;  ///< byte of the first digit
  std::size_t end = 0;    ///< behind "words", "words long", ...
  std::int64_t words = 0;
  bool says_long = false;     ///< "... words long"
  bool is_adjective = false;  ///< "2000-word": stands before a noun
};

/// All of them in the order of the text. "1200 words longer" is none.
std::vector<LengthPhrase> find_length_phrases(std::string_view text);

/// The phrases that ask for a length: those with "long", or else the bare ones of 50 words and more
/// ("his last 3 words" asks for nothing).
std::vector<LengthPhrase> asking_phrases(std::string_view prompt);

/// `prompt` without one of its phrases. A sentence that speaks of nothing but length goes as a
/// whole; from another one go the phrase and the words that lead to it ("of about", "that should
/// be"). If nothing would be left, the prompt stays as it is. Source: specs/recipe.md 6.2.
std::string without_length(std::string_view prompt, const LengthPhrase& phrase);

/// True if `text` begins with `word`, ASCII case ignored.
bool starts_with_ignoring_case(std::string_view text, std::string_view word);

/// Removes the white space `text` begins with; false if there is none. For patterns with "\s+".
bool skip_some_space(std::string_view& text);

}  // namespace polaris
