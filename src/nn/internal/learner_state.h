#pragma once

#include <filesystem>

#include "nn/internal/model.h"
#include "nn/internal/optimizer.h"

namespace polaris::nn {

/// Writes everything that decides later updates (docs/file_formats.md):
///
///   model/                  an HF checkpoint, as save_model
///   optimizer.safetensors   per parameter m.NAME, v.NAME and, where model/ holds less than the
///                           master, what it lacks: remainder.NAME (int16, behind bfloat16) or
///                           master.NAME (float32)
///   learner.json            updates applied, optimizer steps
///
/// @param folder  exists and is empty
/// @throws Error{kIo}
void save_learner_state(const std::filesystem::path& folder, const Model& model,
                        const Optimizer& optimizer, std::optional<Dtype> dtype,
                        std::int64_t version);

/// Gives model and optimizer the exact state that save_learner_state() wrote.
/// @return the version
/// @throws Error{kIo, kInvalidData} naming file and tensor; the model may then be half read
std::int64_t load_learner_state(const std::filesystem::path& folder, Model& model,
                                Optimizer& optimizer);

}  // namespace polaris::nn
