#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "text/json_place.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"

namespace polaris {

/// SentencePiece's treatment of spaces: each becomes U+2581 ("▁"), and one more may be put in
/// front.
struct Metaspace {
  enum class Prepend {
    kNever,
    kFirst,         ///< at the start of the whole text, if no space stands there
    kAlways,        ///< before every stretch of text between added tokens, likewise
    kUnconditional  ///< before every stretch, also where a space stands (the older file layout)
  };
  Prepend prepend = Prepend::kNever;
  bool split = false;  ///< every U+2581 begins a new piece
};

/// What a tokenizer.json says about the way between text and tokens, apart from its tables.
struct Pipeline {
  bool nfc = false;
  std::optional<SplitPattern> split;   ///< byte-level BPE
  std::optional<Metaspace> metaspace;  ///< BPE with byte fallback; exactly one of the two is set
  bool ignore_merges = false;          ///< a piece that is a token stays whole
  bool strip_space = false;            ///< decoding drops one space at the start
  std::vector<TokenId> prefix;         ///< what encode_with_special puts before the text
  std::vector<TokenId> suffix;         ///< and behind it
};

/// @throws Error{kInvalidData} naming the component that is not supported, and what is
Pipeline read_pipeline(const JsonPlace& document, std::size_t id_limit);

}  // namespace polaris
