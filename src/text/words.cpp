#include "text/words.h"

#include <algorithm>
#include <string>

#include "text/html_entities.h"
#include "text/unicode.h"
#include "text/word_class.h"

namespace polaris {
namespace {

/// Calls visit(code point) for the whole text.
template <class Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  for (std::size_t pos = 0; pos < text.size();) visit(decode_utf8(text, pos));
}

TextCounts count_characters(std::string_view text) {
  TextCounts counts;
  bool in_run = false;
  for_each_character(text, [&](char32_t c) {
    const WordClass kind = word_class(c);
    const bool word = is_word(kind);
    counts.words += static_cast<int>(word) & static_cast<int>(!in_run);
    counts.visible += static_cast<int>(kind != WordClass::kSpace);
    ++counts.characters;
    in_run = word;
  });
  return counts;
}

}  // namespace

double TextCounts::visible_ratio() const {
  return static_cast<double>(visible) / static_cast<double>(std::max<std::int64_t>(1, characters));
}

TextCounts count_text(std::string_view text, WordForm form) {
  std::string decoded;
  if (text.find('&') != std::string_view::npos) {
    decoded = unescape_html(text);
    text = decoded;
  }
  if (form == WordForm::kAsIs || is_surely_nfc(text)) return count_characters(text);
  return count_characters(nfc(text));
}

std::int64_t count_pieces(std::string_view text) {
  std::int64_t pieces = 0;
  bool in_piece = false;
  for_each_character(text, [&](char32_t c) {
    const bool space = word_class(c) == WordClass::kSpace;
    pieces += static_cast<int>(!space) & static_cast<int>(!in_piece);
    in_piece = !space;
  });
  return pieces;
}

void WordCounter::add_character(char32_t c) {
  const WordClass kind = word_class(c);
  const bool word = is_word(kind);
  runs_ += static_cast<int>(word) & static_cast<int>(!in_run_);
  in_run_ = word;
  if (kind == WordClass::kSpace) {
    in_piece_with_word_ = false;
  } else if (kind == WordClass::kWord) {
    words_ += static_cast<int>(!in_piece_with_word_);
    in_piece_with_word_ = true;
  }
}

void WordCounter::add(std::string_view bytes) {
  while (pending_size_ > 0 && !bytes.empty()) {
    pending_[pending_size_++] = bytes.front();
    const std::string_view pending(pending_.data(), pending_size_);
    if (incomplete_utf8_tail(pending) == pending_size_) {
      bytes.remove_prefix(1);
      continue;
    }
    std::size_t used = 0;
    add_character(decode_utf8(pending, used));
    // An invalid beginning ends before the new byte, which then starts anew.
    if (used == pending_size_) bytes.remove_prefix(1);
    pending_size_ = 0;
  }
  const std::size_t tail = incomplete_utf8_tail(bytes);
  for_each_character(bytes.substr(0, bytes.size() - tail), [&](char32_t c) { add_character(c); });
  bytes.remove_prefix(bytes.size() - tail);
  std::copy(bytes.begin(), bytes.end(),
            pending_.begin() + static_cast<std::ptrdiff_t>(pending_size_));
  pending_size_ += tail;
}

std::int64_t count_words(std::string_view text) {
  WordCounter counter;
  counter.add(text);
  return counter.words();
}

}  // namespace polaris
