#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rl/hri.h"
#include "rl/types.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace polaris {

/// Turns prompts and references into the tokens of one model. Words of a record that look like
/// control tokens ("<|im_end|>") stay text. Source: specs/recipe.md 3, 6.0.
class StoryEncoder {
 public:
  struct Options {
    bool thinking = true;
    std::optional<std::string> system_message;  ///< for conversations that have none
    std::int64_t max_response_tokens = 8192;
    ReferenceText reference_text = ReferenceText::kTemplate;
    LongReference too_long_reference = LongReference::kSkip;
  };

  /// Borrows `tokenizer`.
  /// @throws Error{kInvalidConfig} if it has no token for the end of the template's turn
  StoryEncoder(const Tokenizer& tokenizer, const ChatTemplate& chat, Options options);

  /// What the policy continues.
  /// @throws Error{kInvalidData} if the template refuses the conversation
  std::vector<TokenId> encode_prompt(const std::vector<Message>& messages) const;

  /// The whole reference, however long, with its end of turn: tokenised as one string.
  /// @throws Error{kInvalidData} if it has a think tag, or lacks the reasoning that thinking needs
  std::vector<TokenId> reference_tokens(const Reference& reference) const;

  /// The reference as the policy would have had to write it. Nothing if the prompt has none, or if
  /// it is longer than max_response_tokens and such ones are skipped; otherwise those are cut, lose
  /// their end of turn, and stop at kMaxTokens.
  /// @throws Error{kInvalidData} naming the prompt, as reference_tokens()
  std::optional<Rollout> encode_reference(const Prompt& prompt) const;

  /// Whether a response begins inside a think block that the prompt has opened.
  bool opens_thinking() const;

  const Options& options() const { return options_; }

 private:
  const Tokenizer& tokenizer_;
  ChatTemplate chat_;
  Options options_;
};

}  // namespace polaris
