#include "judge/messages.h"

#include <fmt/format.h>

#include "base/sha256.h"

namespace polaris {
namespace {

/// The suffix of the markers, with a blank before it; empty in the usual case.
std::string marker_suffix(const std::string& prompt, std::string_view story) {
  const auto occurs = [&](std::string_view text) {
    return prompt.find(text) != std::string::npos || story.find(text) != std::string_view::npos;
  };
  if (!occurs("<<<PROMPT") && !occurs("<<<END PROMPT") && !occurs("<<<STORY") &&
      !occurs("<<<END STORY"))
    return "";
  std::string digest = sha256_hex(fmt::format("{}\n{}", prompt, story));
  while (occurs(digest.substr(0, 8))) digest = sha256_hex(digest);
  return fmt::format(" {}", digest.substr(0, 8));
}

}  // namespace

std::string judge_user_message(std::string_view prompt, std::string_view story, UserMessage form,
                               LengthSentenceRule length_sentence) {
  const std::string asked = without_length_sentence(prompt, length_sentence);
  if (form == UserMessage::kPublished)
    return fmt::format("STORY PROMPT:\n{}\n\nSTORY:\n{}\n", asked, story);
  const std::string suffix = marker_suffix(asked, story);
  return fmt::format(
      "<<<PROMPT{0}>>>\n{1}\n<<<END PROMPT{0}>>>\n<<<STORY{0}>>>\n{2}\n<<<END STORY{0}>>>\n",
      suffix, asked, story);
}

std::string with_schema(std::string system, std::string_view schema) {
  return fmt::format("{}\nThe JSON schema of the answer:\n\n{}\n", system, schema);
}

}  // namespace polaris
