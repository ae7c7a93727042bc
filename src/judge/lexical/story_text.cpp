#include "judge/lexical/story_text.h"

#include <algorithm>
#include <unordered_map>

#include "judge/lexical/word_order.h"
#include "text/sentences.h"
#include "text/strip.h"
#include "text/unicode.h"
#include "text/words.h"

namespace polaris::lexical {
namespace {

constexpr std::int64_t kQuotePieces = 12;

bool is_apostrophe(char32_t c) { return c == U'\'' || c == U'’'; }
bool is_alphanumeric(char32_t c) { return is_letter(c) || is_number(c) || is_mark(c); }
bool is_upper(char32_t c) { return (unicode_flags(c) & kUpperOrTitle) != 0; }

/// Gives equal strings equal numbers.
class Numbers {
 public:
  std::pair<std::uint32_t, bool> of(std::string_view key) {
    const auto [at, is_new] =
        numbers_.try_emplace(std::string(key), static_cast<std::uint32_t>(numbers_.size()));
    return {at->second, is_new};
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(numbers_.size()); }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

/// What kind of step a character is that belongs to no word; kGroups for none.
OrderClasses::Group group_of(char32_t c, bool after_space) {
  switch (c) {
    case U'.':
    case U'!':
    case U'?':
    case U'…':
      return OrderClasses::kEnd;
    case U',':
    case U';':
    case U':':
    case U'—':
    case U'–':
    case U'(':
    case U')':
      return OrderClasses::kComma;
    case U'“':
      return OrderClasses::kOpen;
    case U'”':
      return OrderClasses::kClose;
    case U'"':
      return after_space ? OrderClasses::kOpen : OrderClasses::kClose;
    default:
      return OrderClasses::kGroups;
  }
}

}  // namespace

StoryText::StoryText(std::string_view text) : text_(text) {
  read_words();
  read_sentences();
  mark_names();
}

void StoryText::read_words() {
  const OrderClasses& classes = OrderClasses::get();
  Numbers form_numbers;
  Numbers stem_numbers;
  std::string lower_word;
  bool in_speech = false;
  bool at_start = true;
  bool after_space = true;
  int line_feeds = 2;
  const auto step = [&](OrderClasses::Group group) {
    const auto order_class = classes.of(group);
    const bool doubled = !order_.empty() && order_.back().order_class == order_class &&
                         group == OrderClasses::kEnd;  // "...", "?!"
    const auto last = static_cast<std::uint32_t>(words_.empty() ? 0 : words_.size() - 1);
    if (!doubled) order_.push_back({order_class, last});
  };

  for (std::size_t pos = 0; pos < text_.size();) {
    const std::size_t begin = pos;
    const char32_t c = decode_utf8(text_, pos);
    if (!is_alphanumeric(c)) {
      line_feeds += c == U'\n' ? 1 : 0;
      const auto group = group_of(c, after_space);
      after_space = is_python_space(c) || c == U'—' || c == U'(';
      if (group == OrderClasses::kGroups) continue;
      if (line_feeds >= 2) {
        quote_marks_.push_back({QuoteMark::kParagraph, static_cast<std::uint32_t>(begin)});
        step(OrderClasses::kParagraph);
        at_start = true;
      }
      line_feeds = 0;
      step(group);
      if (!words_.empty()) words_.back().ends_clause = true;
      if (group == OrderClasses::kOpen || group == OrderClasses::kClose) {
        in_speech = group == OrderClasses::kOpen;
        quote_marks_.push_back(
            {in_speech ? QuoteMark::kOpen : QuoteMark::kClose, static_cast<std::uint32_t>(begin)});
      }
      at_start = at_start || group == OrderClasses::kOpen || group == OrderClasses::kEnd;
      continue;
    }

    if (line_feeds >= 2) {
      quote_marks_.push_back({QuoteMark::kParagraph, static_cast<std::uint32_t>(begin)});
      step(OrderClasses::kParagraph);
      at_start = true;
      if (!words_.empty()) words_.back().ends_clause = true;
    }
    line_feeds = 0;
    lower_word.clear();
    append_lower(lower_word, c);
    while (pos < text_.size()) {
      std::size_t next = pos;
      char32_t following = decode_utf8(text_, next);
      if (is_apostrophe(following) && next < text_.size()) {
        std::size_t behind = next;
        if (!is_letter(decode_utf8(text_, behind))) break;
        following = U'\'';
      } else if (!is_alphanumeric(following)) {
        break;
      }
      append_lower(lower_word, following);
      pos = next;
    }
    const auto [number, is_new] = form_numbers.of(lower_word);
    if (is_new) {
      forms_.push_back({.lower = lower_word,
                        .entry = look_up(lower_word),
                        .order_class = classes.of_word(lower_word),
                        .stem = stem_numbers.of(stem(lower_word)).first});
    }
    const bool is_capital = is_upper(c);
    words_.push_back({.begin = static_cast<std::uint32_t>(begin),
                      .end = static_cast<std::uint32_t>(pos),
                      .form = number,
                      .is_capital = is_capital,
                      .starts_sentence = at_start,
                      .in_speech = in_speech});
    const std::uint8_t order_class = forms_[number].order_class;
    const bool is_name_here = is_capital && !at_start && !classes.is_function_word(order_class);
    order_.push_back({is_name_here ? classes.of(OrderClasses::kName) : order_class,
                      static_cast<std::uint32_t>(words_.size() - 1)});
    at_start = false;
    after_space = false;
  }
  stems_ = stem_numbers.size();
}

void StoryText::read_sentences() {
  const std::vector<std::size_t> ends = sentence_ends(text_);
  auto next_end = ends.begin();
  std::size_t word = 0;
  for (const ByteRange& paragraph : polaris::paragraphs(text_)) {
    bool has_words = false;
    std::size_t begin = paragraph.begin;
    while (begin < paragraph.end) {
      while (next_end != ends.end() && *next_end <= begin) ++next_end;
      const bool has_terminator = next_end != ends.end() && *next_end <= paragraph.end;
      const std::size_t end = has_terminator ? *next_end : paragraph.end;
      const std::size_t first = word;
      while (word < words_.size() && words_[word].begin < end) ++word;
      const auto skipped = left_strip(text_.substr(begin, end - begin)).size();
      if (word > first) {
        sentences_.push_back({.begin = static_cast<std::uint32_t>(end - skipped),
                              .end = static_cast<std::uint32_t>(end),
                              .first_word = static_cast<std::uint32_t>(first),
                              .end_word = static_cast<std::uint32_t>(word),
                              .paragraph = paragraphs_,
                              .has_terminator = has_terminator});
        has_words = true;
      }
      begin = end;
    }
    paragraphs_ += has_words ? 1 : 0;
  }
}

void StoryText::mark_names() {
  std::vector<std::uint8_t> seen(forms_.size(), 0);
  constexpr std::uint8_t kCapitalWithin = 1;
  constexpr std::uint8_t kSmall = 2;
  for (const Word& word : words_) {
    if (!word.is_capital) seen[word.form] |= kSmall;
    if (word.is_capital && !word.starts_sentence) seen[word.form] |= kCapitalWithin;
  }
  for (std::size_t i = 0; i < forms_.size(); ++i)
    forms_[i].is_name = seen[i] == kCapitalWithin && !forms_[i].entry.is(kFunctionWord);
}

std::string StoryText::quote(std::size_t first, std::size_t end) const {
  if (first >= end || first >= words_.size()) return {};
  end = std::min({end, words_.size(), first + static_cast<std::size_t>(kQuotePieces)});
  for (;; --end) {
    const std::size_t begin = words_[first].begin;
    const std::string_view piece = text_.substr(begin, words_[end - 1].end - begin);
    if (end == first + 1 || count_pieces(piece) <= kQuotePieces) return std::string(piece);
  }
}

std::string StoryText::quote_around(std::size_t word) const {
  if (word >= words_.size()) return {};
  constexpr std::size_t kBefore = 4;
  constexpr std::size_t kBehind = 6;
  const auto sentence = std::ranges::upper_bound(sentences_, word, {}, &Sentence::end_word);
  const std::size_t low = sentence == sentences_.end() ? 0 : sentence->first_word;
  const std::size_t high = sentence == sentences_.end() ? words_.size() : sentence->end_word;
  return quote(std::max(low, word - std::min(word, kBefore)), std::min(high, word + kBehind));
}

}  // namespace polaris::lexical
