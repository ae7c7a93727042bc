#pragma once

#include <filesystem>
#include <optional>

#include "nn/internal/decoder.h"
#include "nn/internal/lora.h"
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
  /// Reads the weights.
  /// @param options  of what is trained; where there are adapters, that is all of them, and the
  ///                 weights have neither gradients nor masters
  /// @param lora     with `enabled` or an adapter's folder, the model has adapters
  /// @param seed     of new ones
  /// @throws Error{kIo, kInvalidData, kInvalidConfig, kOutOfMemory}
  Model(const std::filesystem::path& path, const StoreOptions& options, const LoraConfig& lora = {},
        std::uint64_t seed = 0);
  Model(const Model&) = delete;  // the decoder refers to the store
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const { return folder.config(); }
  at::Device device() const { return store.options().device; }

  ModelFolder folder;
  ParameterStore store;
  std::optional<LoraAdapters> adapters;
  Decoder decoder;

  /// What an optimizer works on.
  const ParameterStore& trained() const { return adapters ? adapters->store() : store; }
  ParameterStore& trained() { return adapters ? adapters->store() : store; }
};

/// Writes the weights as a checkpoint like the one that the model was read from: same files,
/// names and small files, foreign tensors as they were. Of a model with adapters, writes those
/// alone, as a PEFT folder in float32.
/// @param dtype  of the weights; nothing: every tensor in the type it had
/// @throws Error{kIo}
void save_model(const Model& model, const std::filesystem::path& folder,
                std::optional<Dtype> dtype);

}  // namespace polaris::nn
