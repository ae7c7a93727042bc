#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/bpe.h"
#include "text/vocabulary.h"

namespace polaris {

/// A `tokenizer.json`, read but not yet understood. The vocabulary and the merges go straight into
/// flat tables: as a JSON document those 500,000 strings would take seconds and hundreds of MB.
struct TokenizerFile {
  Vocabulary vocabulary;  ///< `model.vocab`
  MergeTable merges;      ///< `model.merges`, as "a b" or ["a", "b"]; ranks = positions
  Json rest;              ///< the document with null in place of these two

  /// No id of the file may reach this (its size in bytes): so no table outgrows the file.
  std::size_t id_limit = 0;
};

/// @param where  names the file in errors
/// @throws Error{kInvalidData} if it is not JSON, names a key, an id or a token text twice, an id
/// is
///         out of range, or a merge names a token that is not in the vocabulary
TokenizerFile read_tokenizer_file(std::string_view text, std::string_view where);

}  // namespace polaris
