#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace polaris {

// Where sentences and paragraphs of English prose end (specs/local_inference.md 8.5, 8.6). A
// sentence ends with . ! ? or … and the closing quotes and brackets behind them. Rules of thumb,
// not grammar: good enough to stop a story at, cheap enough to ask after every token.

/// True if the text so far, without its trailing white space, ends a sentence: for a text that is
/// still growing. Not after a title ("Mr."), a Latin abbreviation ("e.g.") or an initial ("J.").
bool ends_sentence(std::string_view text);

/// True if `text` ends with a full stop that belongs to an abbreviation or an initial.
bool ends_with_abbreviation(std::string_view text);

/// Byte offsets behind each sentence of a finished text. With what follows in sight, this is
/// stricter than ends_sentence(): white space or the end of the text must follow, and no small
/// letter ("“Go!” she said" goes on, and so does "and then ... nothing").
std::vector<std::size_t> sentence_ends(std::string_view text);

/// The last of sentence_ends(): where to cut a text that stops in the middle of a sentence.
std::optional<std::size_t> last_sentence_end(std::string_view text);

/// The paragraphs: blocks between blank lines, without the white space around them.
std::vector<ByteRange> paragraphs(std::string_view text);

/// True if the text so far ends with a blank line: two line feeds and nothing but white space.
bool ends_paragraph(std::string_view text);

}  // namespace polaris
