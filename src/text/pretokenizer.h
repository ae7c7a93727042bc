#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace polaris {

/// The regular expressions by which published byte-level tokenizers cut text into pieces; BPE
/// merges never reach across a cut. Each is a hand-written scanner over the tables of unicode.h,
/// which no regex library we could link has in the right Unicode version.
enum class SplitPattern {
  kQwen2,    ///< Qwen2, Qwen2.5, Qwen3: one digit per piece
  kQwen3_5,  ///< the same, combining marks stay with letters. Source: specs/qwen3_5.md 4
  kLlama3,   ///< as kQwen2, digits in groups of up to three
  kTekken,   ///< Mistral: cuts where lower case turns to upper; no contractions
};

/// "qwen2", "qwen3.5", "llama-3", "tekken".
std::string_view name_of(SplitPattern pattern);

/// The regular expression as it stands in tokenizer.json.
std::string_view regex_of(SplitPattern pattern);

/// The pattern with exactly this text; absent for any other.
std::optional<SplitPattern> split_pattern_of(std::string_view regex);

/// Where the piece that starts at text[pos] ends. Every character belongs to exactly one piece.
/// Precondition: `text` is valid UTF-8 and pos < text.size().
std::size_t piece_end(SplitPattern pattern, std::string_view text, std::size_t pos);

}  // namespace polaris
