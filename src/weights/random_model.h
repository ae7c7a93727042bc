#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/file_system.h"
#include "base/task_pool.h"
#include "weights/dtype.h"
#include "weights/model_config.h"

namespace polaris {

struct RandomModel {
  ModelConfig config;
  std::uint64_t seed = 0;
  Dtype dtype = Dtype::kBF16;  ///< as in write_checkpoint
  /// A folder whose tokenizer, chat template and other small files the new model gets too.
  std::optional<std::filesystem::path> small_files;
};

/// Bytes of the weights of `model` on disk, headers not counted.
std::uint64_t stored_bytes(const RandomModel& model);

/// Writes a checkpoint with RandomWeights, never holding more than a piece of a tensor. `folder`
/// appears whole, with DONE inside, or not at all: until then "<folder>.tmp" is written.
/// @param on_progress  called with the bytes of weights made so far; what it throws ends the work
/// @throws Error{kIo} if `folder` holds anything, its disk has not enough room, or a write fails
void write_random_model(const RandomModel& model, const std::filesystem::path& folder,
                        TaskPool& pool, const std::function<void(std::uint64_t bytes)>& on_progress,
                        FileSystem& files = real_file_system());

}  // namespace polaris
