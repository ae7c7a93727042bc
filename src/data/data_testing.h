#pragma once

#include <string>
#include <utility>

#include "data/story_encoder.h"

namespace polaris {

/// The tokenizer of tests/golden/tokenizer, of the Qwen3.5 family.
inline const Tokenizer& small_tokenizer() {
  static const Tokenizer tokenizer =
      Tokenizer::load(std::string(POLARIS_GOLDEN_DIR) + "/tokenizer");
  return tokenizer;
}

/// With it and the template of the larger Qwen3.5 models.
inline StoryEncoder small_encoder(StoryEncoder::Options options = {}) {
  return {small_tokenizer(), {ChatTemplateKind::kQwen3_5}, std::move(options)};
}

}  // namespace polaris
