#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace polaris::lexical {

/// What the word lists say about a word form; bits.
enum WordField : std::uint16_t {
  kFunctionWord = 1U << 0,  ///< grammar, not matter: "the", "would", "because"
  kConcrete = 1U << 1,      ///< a thing, place, material or sense impression
  kInner = 1U << 2,         ///< a feeling or an act of the mind
  kAbstract = 1U << 3,      ///< a notion: listed, or by its ending (-tion, -ness, -ity ...)
  kAction = 1U << 4,        ///< a past form of doing
  kState = 1U << 5,         ///< a past form of being, seeming, waiting
  kChoice = 1U << 6,        ///< a past form of deciding; also kAction
  kPerson = 1U << 7,        ///< a pronoun that can act: he, she, I, we, they, who
  kOrnate = 1U << 8,        ///< a word that reaches for effect: "eternal", "shimmering"
  kSpeechVerb = 1U << 9,    ///< a showy verb in place of "said"
  kTaskWord = 1U << 10,     ///< in a prompt it speaks of the task: "story", "paragraph", "tone"
};

/// What is known about a word form.
struct WordEntry {
  std::uint16_t fields = 0;
  std::int32_t rank = -1;  ///< place among the common words, 0 the most frequent; -1: none of them

  bool is(WordField field) const { return (fields & field) != 0; }

  /// Estimated share of the corpus's words: 0.09 / (rank + 2.7), Zipf's law; for words out of the
  /// list the value behind its end.
  double frequency() const;
};

/// Looks a word in lower case up, with straight apostrophes. Constant time.
WordEntry look_up(std::string_view lower);

/// The common words, the most frequent first.
const std::vector<std::string_view>& common_words();

/// A word without the endings of English inflection, good enough to see "walked" in "walking":
/// 's, s, es, ed, ing, ly, er, final e and doubled consonants go while three letters remain.
std::string_view stem(std::string_view lower);

}  // namespace polaris::lexical
