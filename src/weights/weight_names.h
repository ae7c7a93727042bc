#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weights/hf_checkpoint.h"

namespace polaris {

/// How one checkpoint spells the tensors of the text model. Canonical names have no prefix:
///
///   canonical                     text-only            vision-language
///   layers.0.mlp.up_proj.weight   model.layers.0...    model.language_model.layers.0...
///   lm_head.weight                lm_head.weight       lm_head.weight
///
/// `language_model.model.` (with `language_model.lm_head.weight`) and no prefix at all exist too.
class WeightNames {
 public:
  /// The spelling of a new checkpoint: prefix `model.`.
  WeightNames() : WeightNames("model.", "lm_head.weight") {}

  /// Recognised by where the embedding is.
  /// @throws Error{kInvalidData} if no or more than one spelling fits
  static WeightNames detect(const HfCheckpoint& checkpoint);

  std::string in_file(std::string_view canonical) const;

  /// @return nothing if the name has not this checkpoint's prefix, such as `model.visual.*`,
  /// `mtp.*`
  std::optional<std::string> canonical(std::string_view in_file) const;

  std::string_view prefix() const { return prefix_; }

 private:
  WeightNames(std::string_view prefix, std::string_view head) : prefix_(prefix), head_(head) {}

  std::string prefix_;
  std::string head_;
};

}  // namespace polaris
