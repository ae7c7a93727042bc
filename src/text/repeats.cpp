#include "text/repeats.h"

#include <bit>
#include <functional>
#include <string>

#include "text/strip.h"
#include "text/unicode.h"
#include "text/word_class.h"

namespace polaris {
namespace {

/// Numbers distinct strings in the order in which they come. Borrows them: a key's bytes must stay
/// where they are as long as the table is used.
class StringIds {
 public:
  explicit StringIds(std::size_t expected) : slots_(std::bit_ceil(2 * expected + 2)) {}

  struct Found {
    std::uint32_t id;
    bool is_new;
  };

  Found find_or_add(std::string_view key) {
    const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>{}(key));
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].id != kNone; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].hash == hash && keys_[slots_[at].id] == key) return {slots_[at].id, false};
    }
    const auto id = static_cast<std::uint32_t>(keys_.size());
    slots_[at] = {hash, id};
    keys_.push_back(key);
    if (keys_.size() * 2 > slots_.size()) grow();
    return {id, true};
  }

 private:
  static constexpr std::uint32_t kNone = ~0U;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = kNone;
  };

  void grow() {
    std::vector<Slot> larger(slots_.size() * 4);
    for (const Slot& slot : slots_) {
      if (slot.id == kNone) continue;
      std::size_t at = slot.hash & (larger.size() - 1);
      while (larger[at].id != kNone) at = (at + 1) & (larger.size() - 1);
      larger[at] = slot;
    }
    slots_ = std::move(larger);
  }

  std::vector<Slot> slots_;  // a power of two of them, at most half in use
  std::vector<std::string_view> keys_;
};

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

constexpr char32_t kCapitalSigma = 0x3A3;

/// The end of the ASCII word characters at text[pos].
std::size_t skip_ascii_word(std::string_view text, std::size_t pos) {
  while (pos < text.size() && static_cast<unsigned char>(text[pos]) < 128 &&
         is_word(kAsciiWordClass[static_cast<unsigned char>(text[pos])]))
    ++pos;
  return pos;
}

void append_lower_ascii(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out += text;
  for (std::size_t i = begin; i < out.size(); ++i) {
    const char c = out[i];
    out[i] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  }
}

/// Reads a token at text[pos], which is no white space, and appends its lower case to `out`. Moves
/// `pos` behind it and returns how many characters it has.
std::uint32_t read_token(std::string_view text, std::size_t& pos, std::string& out) {
  const std::size_t begin = pos;
  const std::size_t key = out.size();
  std::uint32_t characters = 0;
  bool has_sigma = false;
  while (pos < text.size()) {
    const std::size_t ascii_end = skip_ascii_word(text, pos);
    append_lower_ascii(out, text.substr(pos, ascii_end - pos));
    characters += static_cast<std::uint32_t>(ascii_end - pos);
    pos = ascii_end;
    if (pos == text.size()) break;
    std::size_t next = pos;
    const char32_t c = decode_utf8(text, next);
    const bool word = is_word(word_class(c));
    if (!word && characters > 0) break;
    append_lower(out, c);
    ++characters;
    pos = next;
    if (!word) break;
    has_sigma = has_sigma || c == kCapitalSigma;
  }
  if (has_sigma) {  // its lower case depends on its place in the word
    out.resize(key);
    out += lower(text.substr(begin, pos - begin));
  }
  return characters;
}

}  // namespace

RepeatTokens repeat_tokens(std::string_view text) {
  RepeatTokens tokens;
  StringIds ids(text.size() / 20);
  // Keys live here. One character of lower case is at most three bytes for each byte of the text
  // (an invalid byte becomes U+FFFD), so the buffer never moves.
  std::string keys;
  keys.reserve(3 * text.size());
  tokens.ids.reserve(text.size() / 4);
  tokens.spans.reserve(text.size() / 4);
  std::uint32_t characters = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    std::size_t next = pos;
    if (word_class(decode_utf8(text, next)) == WordClass::kSpace) {
      pos = next;
      ++characters;
      continue;
    }
    const std::size_t key = keys.size();
    const std::uint32_t first = characters;
    characters += read_token(text, pos, keys);
    const auto [id, is_new] = ids.find_or_add(std::string_view(keys).substr(key));
    if (!is_new) keys.resize(key);
    tokens.ids.push_back(id);
    tokens.spans.push_back({first, characters});
  }
  return tokens;
}

std::vector<std::uint32_t> gram_ids(std::span<const std::uint32_t> tokens, int n) {
  std::vector<std::uint32_t> grams;
  if (n < 1 || tokens.size() < static_cast<std::size_t>(n)) return grams;
  const std::size_t count = tokens.size() - static_cast<std::size_t>(n) + 1;
  grams.reserve(count);
  StringIds ids(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view key(reinterpret_cast<const char*>(&tokens[i]),
                               static_cast<std::size_t>(n) * sizeof(std::uint32_t));
    grams.push_back(ids.find_or_add(key).id);
  }
  return grams;
}

double RepeatStats::repeated_ratio() const { return ratio(repeated, count); }
double RepeatStats::local_ratio() const { return ratio(local, count); }

RepeatStats repeat_stats(std::span<const std::uint32_t> ids, int window) {
  RepeatStats stats{.count = static_cast<std::int64_t>(ids.size())};
  std::vector<std::int64_t> last;  // by id
  for (std::int64_t i = 0; i < stats.count; ++i) {
    const std::uint32_t id = ids[static_cast<std::size_t>(i)];
    if (id >= last.size()) {
      last.resize(id + 1, -1);
    }
    if (last[id] >= 0) {
      ++stats.repeated;
      if (i - last[id] < window) ++stats.local;
    }
    last[id] = i;
  }
  return stats;
}

std::vector<TextLine> text_lines(std::string_view text) {
  std::vector<TextLine> lines;
  StringIds ids(text.size() / 100);
  std::size_t pos = 0;
  std::uint32_t characters = 0;
  while (pos < text.size()) {
    const std::size_t begin = pos;
    const std::uint32_t first = characters;
    for (char32_t c = 0; pos < text.size() && !is_line_break(c); ++characters) {
      c = decode_utf8(text, pos);
      if (c == '\r' && pos < text.size() && text[pos] == '\n') {
        ++pos;
        ++characters;
      }
    }
    const std::string_view line = strip(text.substr(begin, pos - begin));
    if (!line.empty()) lines.push_back({ids.find_or_add(line).id, {first, characters}});
  }
  return lines;
}

}  // namespace polaris
