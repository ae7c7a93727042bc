#pragma once

#include <filesystem>

#include "nn/internal/decoder.h"
#include "nn/internal/parameter_store.h"
#include "nn/learner_config.h"
#include "nn/policy_config.h"
#include "weights/model_folder.h"

namespace polaris::nn {

/// `auto` is the first GPU if there is one. Sets the number of CPU threads as well.
/// @throws Error{kInvalidConfig} for a GPU that is not there
at::Device open_device(const DeviceConfig& config);

/// `auto` is float32 on a CPU and bfloat16 on a GPU.
at::ScalarType compute_type(ComputeDtype dtype, at::Device device);

/// A checkpoint, read: the folder it came from, its weights, and its layers over them.
struct Model {
  /// Reads the weights. @throws Error{kIo, kInvalidData, kOutOfMemory}
  Model(const std::filesystem::path& path, const StoreOptions& options);
  Model(const Model&) = delete;  // the decoder refers to the store
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const { return folder.config(); }
  at::Device device() const { return store.options().device; }

  ModelFolder folder;
  ParameterStore store;
  Decoder decoder;
};

/// Writes the weights as a checkpoint like the one that the model was read from: same files,
/// names and small files, foreign tensors as they were.
/// @param dtype  nothing: every tensor in the type it had
/// @throws Error{kIo}
void save_model(const Model& model, const std::filesystem::path& folder,
                std::optional<Dtype> dtype);

}  // namespace polaris::nn
