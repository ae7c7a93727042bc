#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/lexical/lexicon.h"

namespace polaris::lexical {

/// A word form of one text: everything that occurrences share.
struct WordForm {
  std::string lower;  ///< with straight apostrophes
  WordEntry entry;
  std::uint8_t order_class = 0;  ///< of OrderClasses, as if it were no name
  std::uint32_t stem = 0;        ///< equal for forms of one stem
  bool is_name = false;          ///< occurs capitalised within sentences and never small
};

/// A run of letters and digits, with apostrophes between letters ("don't"); "self-made" is two.
struct Word {
  std::uint32_t begin = 0;  ///< bytes
  std::uint32_t end = 0;
  std::uint32_t form = 0;
  bool is_capital = false;
  bool starts_sentence = false;  ///< also behind an opening quotation mark
  bool in_speech = false;
  bool ends_clause = false;  ///< punctuation follows
};

struct Sentence {
  std::uint32_t begin = 0;  ///< bytes
  std::uint32_t end = 0;
  std::uint32_t first_word = 0;
  std::uint32_t end_word = 0;
  std::uint32_t paragraph = 0;
  bool has_terminator = false;

  std::uint32_t words() const { return end_word - first_word; }
};

/// A double quotation mark, or the start of a paragraph, in the order of the text.
struct QuoteMark {
  enum Kind : std::uint8_t { kOpen, kClose, kParagraph } kind;
  std::uint32_t position;
};

/// One step of the text's grammar: a word's class, or that of the punctuation behind `word`.
struct OrderStep {
  std::uint8_t order_class;
  std::uint32_t word;
};

/// A story or prompt taken apart, once, for all measures. Linear in the size of the text.
class StoryText {
 public:
  /// @param text  borrowed: must outlive the object
  explicit StoryText(std::string_view text);

  std::string_view text() const { return text_; }
  std::span<const Word> words() const { return words_; }
  std::span<const WordForm> forms() const { return forms_; }
  std::span<const Sentence> sentences() const { return sentences_; }  ///< those with a word
  std::uint32_t paragraphs() const { return paragraphs_; }            ///< those with a word
  std::span<const QuoteMark> quote_marks() const { return quote_marks_; }
  std::span<const OrderStep> order() const { return order_; }
  std::uint32_t stems() const { return stems_; }

  const WordForm& form(const Word& word) const { return forms_[word.form]; }
  bool is(const Word& word, WordField field) const { return form(word).entry.is(field); }

  /// A name, or a pronoun that can act.
  bool is_person(const Word& word) const { return is(word, kPerson) || form(word).is_name; }

  /// No function word and no name, of three letters and more.
  bool is_content(const Word& word) const {
    const WordForm& of = form(word);
    return !of.entry.is(kFunctionWord) && !of.is_name && of.lower.size() > 2;
  }

  /// The text of words [first, end) and the punctuation between and right behind them, cut to the
  /// 12 pieces that a quote may have.
  std::string quote(std::size_t first, std::size_t end) const;

  /// The same around one word: some words before it and behind it, within its sentence.
  std::string quote_around(std::size_t word) const;

 private:
  void read_words();
  void read_sentences();
  void mark_names();

  std::string_view text_;
  std::vector<Word> words_;
  std::vector<WordForm> forms_;
  std::vector<Sentence> sentences_;
  std::vector<QuoteMark> quote_marks_;
  std::vector<OrderStep> order_;
  std::uint32_t paragraphs_ = 0;
  std::uint32_t stems_ = 0;
};

}  // namespace polaris::lexical
