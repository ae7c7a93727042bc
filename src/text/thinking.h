#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "text/tokenizer.h"

namespace polaris {

/// What a response is whose thinking never ends (specs/config.md `reward.unclosed_thinking`).
enum class UnclosedThinking {
  kEmptyStory,  ///< thinking only: the story is empty
  kAsStory,     ///< the published rule: all of it is the story, tags included
};

/// A response taken apart. The views point into the text that was given.
struct SplitResponse {
  std::optional<std::string_view> thinking;  ///< stripped; absent if there is none or it is blank
  std::string_view story;                    ///< without leading white space; the end is kept
  bool unclosed = false;  ///< a think block was open and nothing closed it, under either rule
};

/// Splits a detokenised response (special tokens removed) at its first "</think>", case-sensitive:
/// before it is thinking, less a leading "<think>"; behind it the story, later tags included.
/// Source: specs/recipe.md 6.1; golden/reward `parse_think_and_prediction`.
///
/// @param prompt_opened  whether the prompt ends inside a think block (opens_thinking()); a
///                       response that begins with "<think>" counts as opened as well
SplitResponse split_response(std::string_view text, bool prompt_opened, UnclosedThinking rule);

/// s0, how many tokens of a response belong to thinking: up to and including the first `close`
/// ("</think>"); 0 if it does not occur. The corrected rule of specs/recipe.md 6.1.
std::size_t thinking_tokens(std::span<const TokenId> response, TokenId close);

/// The same for a tokenizer without such a token: the tokens of `text` up to and including the one
/// that completes the first "</think>".
/// @param byte_ends  [T] where each token ends in `text` (Tokenizer::byte_ends)
std::size_t thinking_tokens(std::string_view text, std::span<const std::size_t> byte_ends);

/// s0 by the published rule: tokens of the re-tokenised text whose middle lies before the end of
/// the first "</think>" of the lower-cased text, at most `response_tokens`; 0 if there is none.
/// The end is measured in the lower-cased text, which U+0130 makes longer, as the reference does.
/// @param spans  [T] code points [begin, end) of each token in `text`
std::size_t published_thinking_tokens(std::string_view text, std::span<const ByteRange> spans,
                                      std::size_t response_tokens);

}  // namespace polaris
