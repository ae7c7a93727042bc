#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "weights/model_config.h"

namespace polaris {

/// An architecture by any of its names: a folder with config.json, such a file, or one that is
/// shipped ("qwen3.5-9b", case ignored).
struct ModelSource {
  std::filesystem::path path;
  std::string name;          ///< as a person would say it
  bool has_weights = false;  ///< `path` is a folder that holds safetensors files
};

/// @throws Error{kIo} listing what is shipped if `text` is nothing of this
ModelSource find_model(const std::string& text);

/// Names that find_model knows, sorted.
std::vector<std::string> shipped_architectures();

/// Tensors that belong together.
struct TensorGroup {
  std::string name;
  std::int64_t tensors = 0;
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;  ///< 0 where nothing is stored
};

/// What a checkpoint folder holds.
struct StoredWeights {
  std::size_t files = 0;
  std::vector<TensorGroup> by_dtype;  ///< the text model's: "BF16", "F32"
  std::vector<TensorGroup> foreign;   ///< what is carried along: vision tower, MTP head, other
};

struct ModelReport {
  ModelSource source;
  ModelConfig config;
  std::vector<TensorGroup> parts;  ///< embedding, mixers, feed-forward, norms, head
  std::int64_t parameters = 0;
  std::optional<StoredWeights> weights;
};

/// @throws Error{kIo, kInvalidData} as ModelFolder and read_model_config
ModelReport inspect_model(const ModelSource& source);

std::string model_text(const ModelReport& report);
Json model_json(const ModelReport& report);

}  // namespace polaris
