#pragma once

#include <filesystem>

#include "nn/internal/model.h"
#include "nn/internal/optimizer.h"

namespace polaris::nn {

/// Writes everything that decides later updates (docs/file_formats.md):
///
///   model/                  an HF checkpoint, as save_model
///   optimizer.safetensors   per parameter m.NAME, v.NAME, beside 8-bit codes m_scale.NAME and
///                           v_scale.NAME, and, where model/ holds less than the master, what it
///                           lacks: remainder.NAME (int16, behind bfloat16) or master.NAME
///                           (float32)
///   learner.json            updates applied, optimizer steps
///
/// Of a model with adapters, adapter/ takes the place of model/: a PEFT folder with the adapters'
/// masters, and the SHA-256 of the weights that they belong to. The frozen weights are not written.
///
/// All ranks call it, rank 0 writes.
///
/// @param folder  exists and is empty
/// @throws Error{kIo}
void save_learner_state(const std::filesystem::path& folder, Model& model,
                        const Optimizer& optimizer, std::optional<Dtype> dtype,
                        std::int64_t version);

/// Gives model and optimizer the exact state that save_learner_state() wrote.
/// @return the version
/// @throws Error{kIo, kInvalidData} naming file and tensor, or the base model if its weights are
///         not those that the adapters were trained on; the model may then be half read
std::int64_t load_learner_state(const std::filesystem::path& folder, Model& model,
                                Optimizer& optimizer);

}  // namespace polaris::nn
