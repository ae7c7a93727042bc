#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/token_bytes.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_pipeline.h"
#include "text/vocabulary.h"

namespace polaris {

class WordCache;

/// The tables of a loaded tokenizer and the steps of encoding:
///
///   text -> added tokens cut out -> normalised -> [normalised added tokens cut out] -> pieces
///        -> smallest tokens -> merges
struct Tokenizer::Impl {
  Pipeline pipeline;
  Vocabulary vocabulary;  ///< of the model, and the added tokens
  MergeTable merges;
  std::array<TokenId, 256> byte_tokens{};  ///< the token of every single byte
  TokenBytes bytes;
  /// Metaspace: no token of the model reaches into the next word ("a▁b"), so that words may be
  /// merged one by one although the file calls the whole text one piece.
  bool words_are_apart = false;
  std::vector<bool> is_added;         ///< by id
  std::vector<bool> is_special;       ///< by id
  AddedTokenFinder raw_added;         ///< searched in the text as it comes
  AddedTokenFinder normalized_added;  ///< searched in the normalised text
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> pad;
  std::optional<std::filesystem::path> config_path;

  /// @param document  the file without its tables; @param config  tokenizer_config.json
  static std::unique_ptr<Impl> make(TokenizerFile file, const JsonPlace& document,
                                    const std::optional<JsonPlace>& config);

  /// `recognise`: cut out added tokens, but none that overlaps a `plain` range.
  void encode(std::string_view text, bool recognise, std::span<const ByteRange> plain,
              std::vector<TokenId>& out) const;

 private:
  void encode_stretch(std::string_view text, bool at_start, bool recognise,
                      std::vector<TokenId>& out) const;
  void encode_normalised(std::string_view text, bool at_start, std::vector<TokenId>& out) const;
  void encode_byte_level(std::string_view text, std::vector<TokenId>& out) const;
  void encode_metaspace(std::string_view text, bool at_start, std::vector<TokenId>& out) const;
  std::size_t metaspace_piece_end(std::string_view text, std::size_t pos) const;
  void encode_piece(std::string_view piece, WordCache& cache, std::vector<TokenId>& out) const;
  void append_smallest_tokens(std::string_view piece, std::vector<TokenId>& out) const;

  /// The token that is exactly this piece. Only those of the model: an added token that was not cut
  /// out must not come in through its spelling.
  std::optional<TokenId> whole_token(std::string_view piece) const;
};

/// The normalizer of the file: NFC, spaces to U+2581, or nothing.
std::string normalise(const Pipeline& pipeline, std::string_view text);

}  // namespace polaris
