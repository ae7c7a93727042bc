#include "train/run_text.h"

namespace polaris {

StoryEncoder::Options encoder_options(const RunConfig& config) {
  StoryEncoder::Options options{.thinking = config.model.thinking,
                                .max_response_tokens = config.data.max_response_tokens,
                                .reference_text = config.hri.reference_text,
                                .too_long_reference = config.hri.too_long_reference};
  if (!config.model.system_message.empty()) options.system_message = config.model.system_message;
  return options;
}

RunText::RunText(const RunConfig& config, const std::filesystem::path& model)
    : tokenizer_(Tokenizer::load(model)),
      chat_(choose_chat_template(model, tokenizer_, config.model.chat_template)),
      encoder_(tokenizer_, chat_.chat, encoder_options(config)) {}

}  // namespace polaris
