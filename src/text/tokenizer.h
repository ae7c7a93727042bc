#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/token_id.h"

namespace polaris {

/// Bytes [begin, end) of a text.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Text <-> token ids, exactly as the published `tokenizer.json` of a supported model family says:
/// byte-level BPE with the split pattern of Qwen2, Qwen3.5, Llama-3 or tekken, or
/// SentencePiece-style BPE with byte fallback (Mistral). Anything else in the file is refused by
/// name. Source: specs/qwen3_5.md 4.
///
/// Bytes that are not UTF-8 are read as U+FFFD, one per maximal invalid part. A loaded tokenizer
/// never changes: all const functions may run in several threads at once.
class Tokenizer {
 public:
  /// Loads `tokenizer.json` from a model folder, or the file itself. A `tokenizer_config.json`
  /// beside it adds its `added_tokens_decoder` and names bos, eos and pad.
  /// @throws Error{kIo} if a file cannot be read; Error{kInvalidData} naming the file and the place
  ///         if it is malformed, contradicts itself or asks for something not supported here
  static Tokenizer load(const std::filesystem::path& folder_or_file);

  /// The same from memory. `where` names the tokenizer in errors; no `config`: none.
  static Tokenizer parse(std::string_view tokenizer_json, std::string_view where,
                         std::optional<std::string_view> config = std::nullopt);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Added tokens are recognised in the text; nothing is added around it. What a rendered chat
  /// needs: its template has printed the BOS already.
  std::vector<TokenId> encode(std::string_view text) const;

  /// As encode(text), but no added token is recognised where it would overlap one of the `plain`
  /// ranges of `text` (sorted, disjoint, inside the text). Lets a rendered chat keep its template's
  /// tokens while content from outside stays text.
  std::vector<TokenId> encode(std::string_view text, std::span<const ByteRange> plain) const;

  /// encode(text) with what the file's post-processor adds around one text, such as BOS.
  std::vector<TokenId> encode_with_special(std::string_view text) const;

  /// Every character is text: nothing is recognised. For content from outside.
  std::vector<TokenId> encode_plain(std::string_view text) const;

  /// Ids that name no token (negative, beyond vocab_size(), gaps) contribute nothing. Bytes that
  /// are not UTF-8 become U+FFFD as the reference decoder of the family does it: one per maximal
  /// invalid part (byte-level), or one per byte of the whole run of byte tokens (byte fallback).
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  /// [ids] for each token, where its bytes end in decode(ids): offsets into that text, exact where
  /// the bytes are valid UTF-8. For text t, decode(encode(t)) is t but for NFC (Qwen) and a literal
  /// U+2581 (Mistral), so search in the decoded text.
  std::vector<std::size_t> byte_ends(std::span<const TokenId> ids) const;

  /// By the spelling of the file ("Ġthe", "▁the", "<|im_end|>").
  std::optional<TokenId> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(TokenId id) const;

  /// One more than the largest id in the files. A model may have more rows: padding, never emitted
  /// by encode(); mask them when sampling.
  std::size_t vocab_size() const;

  /// True for ids that decode(ids, skip_special = true) leaves out.
  bool is_special(TokenId id) const;

  /// As named by tokenizer_config.json; absent if there is none or it says null. Models stop on
  /// further ids (generation_config.json, config.json): those are for the caller to collect.
  std::optional<TokenId> bos_id() const;
  std::optional<TokenId> eos_id() const;
  std::optional<TokenId> pad_id() const;

  /// "qwen2", "qwen3.5", "llama-3", "tekken" or "metaspace": how text is cut before merging. Some
  /// Mistral uploads carry the Llama-3 pattern by mistake; a caller that knows the family can warn.
  std::string_view pattern_name() const;

  /// The tokenizer_config.json that was read, for its chat template; absent if there was none.
  const std::optional<std::filesystem::path>& config_path() const;

 private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// Turns ids into text as they arrive. push() returns the text that is certain, which never ends
/// inside a character; flush() returns U+FFFD for what stayed incomplete, and starts anew.
/// The concatenation equals decode(), except that invalid bytes of a byte-fallback tokenizer become
/// U+FFFD alone, not with the valid characters beside them that were released already.
class StreamDecoder {
 public:
  /// Borrows `tokenizer`.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = false);

  std::string push(TokenId id);
  std::string flush();

 private:
  /// What is pending but for the last `keep` bytes.
  std::string release(std::size_t keep);

  const Tokenizer::Impl* tokenizer_;
  bool skip_special_;
  bool at_start_ = true;  // a leading space may still be stripped
  std::string pending_;   // the beginning of a character
};

}  // namespace polaris
