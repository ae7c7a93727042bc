#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace polaris {
namespace {

std::uint16_t flags_before(std::string_view text, std::size_t pos) {
  if (pos == 0) return 0;
  do {
    --pos;
  } while (pos > 0 && (static_cast<unsigned char>(text[pos]) & 0xC0) == 0x80);
  return unicode_flags(decode_utf8(text, pos));
}

std::uint16_t flags_at(std::string_view text, std::size_t pos) {
  return pos == text.size() ? 0 : unicode_flags(decode_utf8(text, pos));
}

bool touches_word(std::string_view text, ByteRange match) {
  return ((flags_before(text, match.begin) | flags_at(text, match.end)) & kWordOfRegex) != 0;
}

std::size_t white_space_begin(std::string_view text, std::size_t pos, std::size_t least) {
  while (pos > least && (flags_before(text, pos) & kWhiteSpace) != 0) {
    do {
      --pos;
    } while (pos > least && (static_cast<unsigned char>(text[pos]) & 0xC0) == 0x80);
  }
  return pos;
}

std::size_t white_space_end(std::string_view text, std::size_t pos) {
  while (pos < text.size()) {
    std::size_t next = pos;
    if (!is_white_space(decode_utf8(text, next))) break;
    pos = next;
  }
  return pos;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(
    std::span<const AddedToken> tokens,
    const std::function<std::string(const AddedToken&)>& content_of) {
  for (const auto& token : tokens) tokens_.push_back({content_of(token), token});
  std::sort(tokens_.begin(), tokens_.end(),
            [](const Entry& a, const Entry& b) { return a.content < b.content; });
  for (const auto& entry : tokens_) begins_[static_cast<unsigned char>(entry.content[0])] = true;
}

const AddedTokenFinder::Entry* AddedTokenFinder::longest_at(std::string_view text,
                                                            std::size_t pos) const {
  // The sorted contents are a trie: those that share the first `depth` bytes with the text are
  // neighbours, and the one that is exactly these bytes is the first of them.
  const Entry* longest = nullptr;
  auto first = tokens_.begin();
  auto last = tokens_.end();
  for (std::size_t depth = 0; pos + depth < text.size(); ++depth) {
    const auto byte = static_cast<unsigned char>(text[pos + depth]);
    const auto byte_of = [depth](const Entry& e) -> int {
      return depth < e.content.size() ? static_cast<unsigned char>(e.content[depth]) : -1;
    };
    first = std::partition_point(first, last, [&](const Entry& e) { return byte_of(e) < byte; });
    last = std::partition_point(first, last, [&](const Entry& e) { return byte_of(e) == byte; });
    if (first == last) break;
    if (first->content.size() == depth + 1) longest = &*first;
  }
  return longest;
}

std::vector<Segment> AddedTokenFinder::cut(std::string_view text,
                                           std::span<const ByteRange> plain) const {
  std::vector<Segment> segments;
  std::size_t done = 0;  // everything before is in a segment
  for (std::size_t pos = 0; !tokens_.empty() && pos < text.size();) {
    while (!plain.empty() && plain.front().end <= pos) plain = plain.subspan(1);
    const std::size_t open_end = plain.empty() ? text.size() : plain.front().begin;
    if (pos >= open_end) {
      pos = plain.front().end;
      continue;
    }
    const bool may_begin = begins_[static_cast<unsigned char>(text[pos])];
    const Entry* found = may_begin ? longest_at(text.substr(0, open_end), pos) : nullptr;
    if (found == nullptr) {
      ++pos;
      continue;
    }
    ByteRange match = {pos, pos + found->content.size()};
    pos = match.end;
    if (found->token.single_word && touches_word(text, match)) continue;
    if (found->token.lstrip) match.begin = white_space_begin(text, match.begin, done);
    if (found->token.rstrip) match.end = pos = white_space_end(text, match.end);
    if (match.begin > done) segments.push_back({.range = {done, match.begin}});
    segments.push_back({.range = match, .token = found->token.id});
    done = match.end;
  }
  if (done < text.size()) segments.push_back({.range = {done, text.size()}});
  return segments;
}

}  // namespace polaris
