#include "data/story_encoder.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

ReferenceStyle style_of(ReferenceText text) {
  return text == ReferenceText::kPublished ? ReferenceStyle::kPublished : ReferenceStyle::kTemplate;
}

}  // namespace

StoryEncoder::StoryEncoder(const Tokenizer& tokenizer, const ChatTemplate& chat, Options options)
    : tokenizer_(tokenizer), chat_(chat), options_(std::move(options)) {
  const std::string_view end = end_of_turn(chat.kind);
  if (!tokenizer.token_to_id(end))
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the tokenizer has no token {}, which ends a turn in the chat template "
                            "{}; set model.chat_template to one of {}",
                            end, name_of(chat.kind), chat_template_names()));
}

std::vector<TokenId> StoryEncoder::encode_prompt(const std::vector<Message>& messages) const {
  const Rendering prompt = render_chat(
      chat_, messages,
      {.enable_thinking = options_.thinking, .system_message = options_.system_message});
  return tokenizer_.encode(prompt.text, prompt.outside);
}

std::vector<TokenId> StoryEncoder::reference_tokens(const Reference& reference) const {
  std::optional<std::string_view> reasoning;
  if (options_.thinking) {
    if (reference.reasoning.empty())
      throw Error(ErrorCode::kInvalidData,
                  "the reference has no reasoning, which thinking needs; set model.thinking = "
                  "false or hri.enabled = false");
    reasoning = reference.reasoning;
  }
  const Rendering turn =
      reference_turn(chat_, style_of(options_.reference_text), reasoning, reference.story);
  return tokenizer_.encode(turn.text, turn.outside);
}

std::optional<Rollout> StoryEncoder::encode_reference(const Prompt& prompt) const {
  if (!prompt.reference) return std::nullopt;
  Rollout rollout{.origin = Origin::kReference};
  try {
    rollout.tokens = reference_tokens(*prompt.reference);
  } catch (const Error& e) {
    throw e.within(fmt::format("prompt {}", shorten(prompt.id, 80)));
  }
  const auto limit = static_cast<std::size_t>(options_.max_response_tokens);
  if (rollout.tokens.size() > limit) {
    if (options_.too_long_reference == LongReference::kSkip) return std::nullopt;
    rollout.tokens.resize(limit);
    rollout.stop = StopReason::kMaxTokens;
  }
  rollout.text = tokenizer_.decode(rollout.tokens, /*skip_special=*/true);
  return rollout;
}

bool StoryEncoder::opens_thinking() const {
  return polaris::opens_thinking(chat_, options_.thinking);
}

}  // namespace polaris
