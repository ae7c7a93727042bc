#include <algorithm>

#include "text/byte_alphabet.h"
#include "text/tokenizer_impl.h"
#include "text/unicode.h"
#include "text/word_cache.h"

namespace polaris {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";

std::string with_space_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) c == ' ' ? out.append(kSpaceMark) : out.append(1, c);
  return out;
}

bool is_unconditional(const Pipeline& pipeline) {
  return pipeline.metaspace && pipeline.metaspace->prepend == Metaspace::Prepend::kUnconditional;
}

bool touches(ByteRange stretch, std::span<const ByteRange> plain) {
  for (const auto& range : plain) {
    if (range.begin < stretch.end && range.end > stretch.begin) return true;
  }
  return false;
}

/// `text` as valid UTF-8 in `storage`, with `plain` moved along into `moved`.
void make_valid(std::string_view text, std::span<const ByteRange> plain, std::string& storage,
                std::vector<ByteRange>& moved) {
  std::size_t done = 0;
  const auto copy_until = [&](std::size_t end) {
    storage += to_valid_utf8(text.substr(done, end - done));
    done = end;
    return storage.size();
  };
  for (const auto& range : plain) {
    const std::size_t begin = copy_until(range.begin);
    moved.push_back({begin, copy_until(range.end)});
  }
  copy_until(text.size());
}

}  // namespace

std::string normalise(const Pipeline& pipeline, std::string_view text) {
  if (pipeline.nfc) return nfc(text);
  if (!pipeline.metaspace || text.empty()) return std::string(text);
  return (is_unconditional(pipeline) ? std::string(kSpaceMark) : "") + with_space_marks(text);
}

void Tokenizer::Impl::encode(std::string_view text, bool recognise,
                             std::span<const ByteRange> plain, std::vector<TokenId>& out) const {
  if (!is_valid_utf8(text)) {
    std::string storage;
    std::vector<ByteRange> moved;
    make_valid(text, plain, storage, moved);
    return encode(storage, recognise, moved, out);
  }
  if (!recognise) return encode_stretch(text, /*at_start=*/true, recognise, out);
  for (const auto& segment : raw_added.cut(text, plain)) {
    const auto [begin, end] = segment.range;
    if (segment.token) {
      out.push_back(*segment.token);
    } else {
      // Ranges do not survive normalisation: where one is near, nothing more is recognised.
      encode_stretch(text.substr(begin, end - begin), begin == 0,
                     /*recognise=*/!touches(segment.range, plain), out);
    }
  }
}

void Tokenizer::Impl::encode_stretch(std::string_view text, bool at_start, bool recognise,
                                     std::vector<TokenId>& out) const {
  if (text.empty()) return;
  std::string storage;
  std::string_view normalised = text;
  if (is_unconditional(pipeline) || (pipeline.nfc && !is_surely_nfc(text)))
    normalised = storage = normalise(pipeline, text);
  if (!recognise || normalized_added.empty()) return encode_normalised(normalised, at_start, out);
  for (const auto& segment : normalized_added.cut(normalised, {})) {
    const auto [begin, end] = segment.range;
    if (segment.token) {
      out.push_back(*segment.token);
    } else {
      encode_normalised(normalised.substr(begin, end - begin), at_start && begin == 0, out);
    }
  }
}

void Tokenizer::Impl::encode_normalised(std::string_view text, bool at_start,
                                        std::vector<TokenId>& out) const {
  pipeline.split ? encode_byte_level(text, out) : encode_metaspace(text, at_start, out);
}

void Tokenizer::Impl::encode_byte_level(std::string_view text, std::vector<TokenId>& out) const {
  WordCache cache(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = piece_end(*pipeline.split, text, pos);
    encode_piece(text.substr(pos, end - pos), cache, out);
    pos = end;
  }
}

void Tokenizer::Impl::encode_metaspace(std::string_view text, bool at_start,
                                       std::vector<TokenId>& out) const {
  std::string marked;
  const auto prepend = pipeline.metaspace->prepend;
  if (prepend != Metaspace::Prepend::kUnconditional) {
    marked = with_space_marks(text);
    const bool wanted = prepend == Metaspace::Prepend::kAlways ||
                        (prepend == Metaspace::Prepend::kFirst && at_start);
    if (wanted && !marked.starts_with(kSpaceMark)) marked.insert(0, kSpaceMark);
    text = marked;
  }
  WordCache cache(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = metaspace_piece_end(text, pos);
    encode_piece(text.substr(pos, end - pos), cache, out);
    pos = end;
  }
}

std::size_t Tokenizer::Impl::metaspace_piece_end(std::string_view text, std::size_t pos) const {
  if (pipeline.metaspace->split) return std::min(text.find(kSpaceMark, pos + 1), text.size());
  if (!words_are_apart) return text.size();
  while (text.substr(pos).starts_with(kSpaceMark)) pos += kSpaceMark.size();
  return std::min(text.find(kSpaceMark, pos), text.size());
}

void Tokenizer::Impl::encode_piece(std::string_view piece, WordCache& cache,
                                   std::vector<TokenId>& out) const {
  if (cache.append(piece, out)) return;
  const std::size_t begin = out.size();
  if (const auto whole = pipeline.ignore_merges ? whole_token(piece) : std::nullopt) {
    out.push_back(*whole);
  } else {
    append_smallest_tokens(piece, out);
    apply_merges(merges, out, begin);
  }
  cache.store(piece, std::span(out).subspan(begin));
}

std::optional<TokenId> Tokenizer::Impl::whole_token(std::string_view piece) const {
  if (piece.size() > vocabulary.longest()) return std::nullopt;
  std::string spelling;
  if (pipeline.split) {
    append_stand_ins(spelling, piece);
    piece = spelling;
  }
  const auto id = vocabulary.find(piece);
  return id && !is_added[static_cast<std::size_t>(*id)] ? id : std::nullopt;
}

void Tokenizer::Impl::append_smallest_tokens(std::string_view piece,
                                             std::vector<TokenId>& out) const {
  const auto append_bytes = [&](std::string_view bytes) {
    for (const char byte : bytes) out.push_back(byte_tokens[static_cast<unsigned char>(byte)]);
  };
  if (pipeline.split) return append_bytes(piece);
  for (std::size_t pos = 0; pos < piece.size();) {
    const std::size_t begin = pos;
    decode_utf8(piece, pos);
    const std::string_view character = piece.substr(begin, pos - begin);
    const auto id = whole_token(character);
    id ? out.push_back(*id) : append_bytes(character);
  }
}

}  // namespace polaris
