#pragma once

#include <filesystem>

#include "data/story_encoder.h"
#include "text/chat_choice.h"
#include "text/tokenizer.h"
#include "train/run_config.h"

namespace polaris {

/// How a run reads prompts and references: [model], [data] and [hri] as options of an encoder.
StoryEncoder::Options encoder_options(const RunConfig& config);

/// The text side of a run's model: what is between words and tokens.
class RunText {
 public:
  /// @param model  its folder
  /// @throws Error{kIo, kInvalidData} for a tokenizer that cannot be read, Error{kInvalidConfig}
  ///         for a chat template that is not known
  RunText(const RunConfig& config, const std::filesystem::path& model);
  RunText(const RunText&) = delete;
  RunText& operator=(const RunText&) = delete;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const StoryEncoder& encoder() const { return encoder_; }
  const ChatTemplateChoice& chat() const { return chat_; }

 private:
  Tokenizer tokenizer_;
  ChatTemplateChoice chat_;
  StoryEncoder encoder_;
};

}  // namespace polaris
