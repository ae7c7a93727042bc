#include "reward/rules.h"

#include <utility>

#include "base/error.h"
#include "reward/blank.h"
#include "reward/self_repetition.h"
#include "reward/thinking_cap.h"
#include "text/thinking.h"
#include "text/words.h"

namespace polaris {

RewardParts rule_parts(const RuleInput& input, const RewardConfig& config) {
  const TextCounts story = count_text(input.story, word_form(config));
  const auto target = requested_words(input.request, config);
  RewardParts parts{
      .self_repetition = self_repetition(input.story, config.self_repetition_rule).penalty,
      .length = target ? length_penalty(story.words, *target, config.length_rule) : 0.0,
      .blank = blank_penalty(story, config.blank_rule)};
  if (input.tokens) {
    parts.overlong = overlong_penalty(*input.tokens, config.overlong);
    parts.thinking = thinking_penalty(input.tokens->thinking, config.thinking_cap);
  }
  return parts;
}

ThinkingTokensOf thinking_tokens_of(const Tokenizer& tokenizer) {
  return [&tokenizer](const Rollout& rollout) {
    return thinking_tokens(tokenizer.decode(rollout.tokens), tokenizer.byte_ends(rollout.tokens));
  };
}

RuleParts rules_for_scorer(const RewardConfig& config, ResponseForm form) {
  POLARIS_CHECK(form.max_tokens > 0 && form.thinking_tokens);
  return [config, form = std::move(form)](const Prompt& prompt, const Rollout& rollout,
                                          const std::string& story) {
    const auto all = static_cast<std::int64_t>(rollout.tokens.size());
    const bool only_thinking =
        config.unclosed_thinking == UnclosedThinking::kEmptyStory &&
        split_response(rollout.text, form.prompt_opens_thinking, config.unclosed_thinking).unclosed;
    const RuleInput input{
        .request = {.prompt = prompt.text, .target_words = prompt.target_words},
        .story = story,
        .tokens = ResponseTokens{
            .count = all,
            .thinking =
                only_thinking ? all : static_cast<std::int64_t>(form.thinking_tokens(rollout)),
            .limit = form.max_tokens,
            .is_cut = rollout.stop == StopReason::kMaxTokens}};
    return rule_parts(input, config);
  };
}

StoryOf stories_for_scorer(const RewardConfig& config, bool prompt_opens_thinking) {
  return [rule = config.unclosed_thinking, prompt_opens_thinking](const Rollout& rollout) {
    return std::string(split_response(rollout.text, prompt_opens_thinking, rule).story);
  };
}

}  // namespace polaris
