#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/file_system.h"
#include "base/task_pool.h"
#include "weights/model_folder.h"
#include "weights/peft_adapter.h"

namespace polaris {

/// Writes the model with its adapter added to the weights, in float32:
///
///   W' = W + scale B A
///
/// Never in 16 bits: an adapter moves weights by less than half a step of bfloat16, and rounding
/// would remove most of it (specs/performance.md, rule 6). Small files and foreign tensors are
/// those of the base. Holds one adapter and a piece of a tensor at a time.
/// @param on_progress  called with the bytes of our tensors written so far; what it throws ends the
///                     work
/// @throws Error{kIo}, also if `folder` already holds weights; after any error it has no
///         config.json. Error{kInvalidData} for a value that is not finite
void write_merged_checkpoint(const ModelFolder& base, const PeftAdapter& adapter,
                             const std::filesystem::path& folder, TaskPool& pool,
                             const std::function<void(std::uint64_t bytes)>& on_progress,
                             FileSystem& files = real_file_system());

}  // namespace polaris
