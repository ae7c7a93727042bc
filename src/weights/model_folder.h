#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "weights/expected_tensors.h"
#include "weights/hf_checkpoint.h"
#include "weights/model_config.h"
#include "weights/weight_names.h"

namespace polaris {

/// A tensor of the text model and where it is stored.
struct ModelTensor {
  std::string name;            ///< canonical, see expected_tensors
  const StoredTensor* stored;  ///< float32, bfloat16 or float16, of the expected shape
};

/// A checkpoint folder as a text model: its configuration, and each tensor that the configuration
/// asks for, found and checked. Nothing is read but headers until bytes are touched.
class ModelFolder {
 public:
  /// @throws Error{kIo, kInvalidData} as read_model_config and HfCheckpoint; also naming a tensor
  /// that
  ///         is missing, has another shape than config.json asks for, or a type that holds no
  ///         weights, and one inside our layers that the architecture does not have
  explicit ModelFolder(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return weights_.folder(); }

  /// tie_word_embeddings is settled by the weights: a head of its own counts, whatever the file
  /// says.
  const ModelConfig& config() const { return config_; }

  /// config.json as it was read.
  const Json& config_json() const { return config_json_; }

  const HfCheckpoint& weights() const { return weights_; }
  const WeightNames& names() const { return names_; }

  /// As expected_tensors(config()), in that order.
  const std::vector<ModelTensor>& tensors() const { return tensors_; }

  /// The canonical name of a tensor in the files if it is one of ours. Nothing for foreign ones:
  /// vision tower, MTP head, anything unknown. A tied model's copy of the embedding in the place of
  /// the head is "embed_tokens.weight" too.
  std::optional<std::string> ours(std::string_view name_in_file) const;

  /// Which weights these are, wherever the folder lies and however its files are cut: SHA-256 in
  /// hexadecimal digits over names, types, shapes and bytes of tensors(). The first call reads
  /// every byte.
  const std::string& weights_sha256() const;

 private:
  void settle_head();
  void find_tensors();
  void refuse_unknown_in_layers() const;

  Json config_json_;
  ModelConfig config_;
  HfCheckpoint weights_;
  WeightNames names_;
  bool head_is_copy_ = false;
  std::vector<ModelTensor> tensors_;
  std::set<std::string, std::less<>> canonical_;
  mutable std::string sha256_;  // empty: not asked for yet
};

}  // namespace polaris
