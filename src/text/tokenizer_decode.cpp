#include "text/tokenizer_impl.h"
#include "text/unicode.h"

namespace polaris {
namespace {

/// U+FFFD for every byte that is part of no character: how byte-fallback decoders replace.
std::string replace_invalid_bytes(std::string_view bytes) {
  std::string text;
  for (std::size_t pos = 0; pos < bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = decode_utf8(bytes, pos);
    const std::string_view part = bytes.substr(begin, pos - begin);
    const bool valid = c != kReplacementCharacter || part == "\uFFFD";
    for (std::size_t i = 0; i < (valid ? 1 : part.size()); ++i) append_utf8(text, c);
  }
  return text;
}

/// All or nothing: one invalid byte in a run of byte tokens spoils the whole run.
std::string decode_run(std::string_view run) {
  if (is_valid_utf8(run)) return std::string(run);
  std::string text;
  for (std::size_t i = 0; i < run.size(); ++i) append_utf8(text, kReplacementCharacter);
  return text;
}

std::string decode_fallback(const TokenBytes& bytes, std::span<const TokenId> ids) {
  std::string text;
  std::string run;
  for (const TokenId id : ids) {
    if (bytes.kind(id) == TokenBytes::Kind::kFallback) {
      run += bytes.bytes(id);
    } else if (bytes.kind(id) == TokenBytes::Kind::kText) {
      text += decode_run(run);
      run.clear();
      text += bytes.bytes(id);
    }
  }
  return text + decode_run(run);
}

}  // namespace

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::vector<TokenId> kept;
  if (skip_special) {
    for (const TokenId id : ids) {
      if (!is_special(id)) kept.push_back(id);
    }
    ids = kept;
  }
  if (impl_->pipeline.split) {
    std::string bytes;
    for (const TokenId id : ids) bytes += impl_->bytes.bytes(id);
    return is_valid_utf8(bytes) ? bytes : to_valid_utf8(bytes);
  }
  std::string text = decode_fallback(impl_->bytes, ids);
  if (impl_->pipeline.strip_space && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::vector<std::size_t> Tokenizer::byte_ends(std::span<const TokenId> ids) const {
  std::vector<std::size_t> ends;
  ends.reserve(ids.size());
  std::size_t end = 0;
  std::size_t stripped = 0;
  for (const TokenId id : ids) {
    const std::string_view bytes = impl_->bytes.bytes(id);
    if (end == 0 && impl_->pipeline.strip_space && bytes.starts_with(' ')) stripped = 1;
    end += bytes.size();
    ends.push_back(end - stripped);
  }
  return ends;
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(tokenizer.impl_.get()), skip_special_(skip_special) {}

std::string StreamDecoder::push(TokenId id) {
  const auto& bytes = tokenizer_->bytes;
  if (bytes.kind(id) == TokenBytes::Kind::kNone) return {};
  if (skip_special_ && tokenizer_->is_special[static_cast<std::size_t>(id)]) return {};
  pending_ += bytes.bytes(id);
  return release(incomplete_utf8_tail(pending_));
}

std::string StreamDecoder::flush() {
  std::string text = release(0);
  at_start_ = true;
  return text;
}

std::string StreamDecoder::release(std::size_t keep) {
  const auto ready = std::string_view(pending_).substr(0, pending_.size() - keep);
  std::string text =
      tokenizer_->pipeline.split ? to_valid_utf8(ready) : replace_invalid_bytes(ready);
  pending_.erase(0, ready.size());
  if (text.empty()) return text;
  if (at_start_ && tokenizer_->pipeline.strip_space && text.starts_with(' ')) text.erase(0, 1);
  at_start_ = false;
  return text;
}

}  // namespace polaris
