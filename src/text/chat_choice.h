#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "text/chat.h"
#include "text/tokenizer.h"

namespace polaris {

/// A chat template and why it is this one.
struct ChatTemplateChoice {
  enum class How {
    kKnownTemplate,  ///< the model's own template, known by its SHA-256
    kByModelType,    ///< the model has none: by what config.json calls the model
    kByTokenizer,    ///< nor a config.json: by how its tokenizer cuts text
    kNamed,          ///< `model.chat_template` says so
  };
  ChatTemplate chat;
  How how = How::kKnownTemplate;
  std::string note;  ///< one line for the log: what was chosen, and by what
};

/// What a model says about its chat template.
struct ChatTemplateEvidence {
  std::optional<std::string> template_text;  ///< its Jinja source
  std::optional<std::string> model_type;     ///< of config.json: "qwen3_5", "llama", ...
  std::string tokenizer_pattern;             ///< Tokenizer::pattern_name()
  bool has_system_prompt_token = false;  ///< "[SYSTEM_PROMPT]", which tells Mistral's V7 from V3
};

/// Reads chat_template.jinja or else tokenizer_config.json (of several templates the "default"
/// one), and config.json, as far as they are in `folder`.
/// @throws Error{kIo, kInvalidData} if one of them is there but cannot be read
ChatTemplateEvidence read_chat_evidence(const std::filesystem::path& folder,
                                        const Tokenizer& tokenizer);

/// The template to use. A template of the model that is not known is never guessed.
/// @param configured  `model.chat_template`: "auto" or a name
/// @param where       names the model in errors
/// @throws Error{kInvalidConfig} if `configured` is no name we have; if it is "auto" and the
///         model's template is unknown (its SHA-256 is in the message) or nothing tells the family
ChatTemplateChoice choose_chat_template(const ChatTemplateEvidence& evidence,
                                        std::string_view configured, std::string_view where);

/// The two together for a model folder.
ChatTemplateChoice choose_chat_template(const std::filesystem::path& folder,
                                        const Tokenizer& tokenizer, std::string_view configured);

}  // namespace polaris
