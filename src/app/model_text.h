#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "text/chat.h"
#include "text/tokenizer.h"

namespace polaris {

/// The text side of a model: its tokenizer, and its chat template, which is looked for when it is
/// first asked for, because plain text and token ids need none.
class ModelText {
 public:
  /// @param model       a folder, or a tokenizer.json
  /// @param configured  the template: "auto" or its name
  /// @param option      how a person names another one, for messages: "--chat-template NAME"
  /// @throws Error{kIo, kInvalidData} for the tokenizer, Error{kInvalidConfig} for the name
  ModelText(std::filesystem::path model, std::string configured, std::string option);

  /// Whether a folder has a tokenizer at all.
  static bool exists_in(const std::filesystem::path& folder);

  const Tokenizer& tokenizer() const { return tokenizer_; }

  /// Tells the person which template was taken where the model does not say.
  /// @throws Error{kInvalidConfig} if the model's template is not known
  const ChatTemplate& chat();

  /// What ends a turn in the chat template; nothing if that is not known.
  std::string_view end_of_turn();

 private:
  ChatTemplate choose() const;

  std::filesystem::path model_;
  std::string configured_, option_;
  Tokenizer tokenizer_;
  std::optional<ChatTemplate> chat_;
};

}  // namespace polaris
