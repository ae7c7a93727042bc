#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "weights/model_folder.h"

namespace polaris {

/// Delivers the values of one of our tensors: fills `piece` with elements in `dtype`, row-major,
/// from `first_element` on. Pieces of a tensor come in order, tensors in the order of the files.
using FillTensor = std::function<void(std::string_view canonical_name, Dtype dtype,
                                      std::uint64_t first_element, std::span<std::byte> piece)>;

/// At most this much is asked of FillTensor at once, and held.
inline constexpr std::size_t kMaxPieceBytes = 8U << 20;

/// A larger model is split into files of at most this size (but a tensor is never split).
inline constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;

/// One file of a checkpoint.
struct ShardPlan {
  std::string file_name;
  std::vector<TensorSpec> tensors;
};

/// Distributes tensors, in the given order, over as few files as `max_shard_bytes` allows:
/// `model.safetensors`, or `model-00001-of-0000N.safetensors`. Inside a file the wider types come
/// first, then the names decide: so the elements of all weight types lie aligned.
std::vector<ShardPlan> plan_shards(std::span<const TensorSpec> tensors,
                                   std::uint64_t max_shard_bytes = kMaxShardBytes);

/// Writes a new checkpoint of a text model: shards, index where there are several, config.json
/// last. Tensors are stored in stored_dtype(name, dtype).
/// @throws Error{kIo}, also if `folder` already holds weights; nothing is overwritten. What `fill`
///         throws passes through. After either, `folder` has no config.json.
void write_checkpoint(const std::filesystem::path& folder, const ModelConfig& config, Dtype dtype,
                      const FillTensor& fill, std::uint64_t max_shard_bytes = kMaxShardBytes,
                      FileSystem& files = real_file_system());

/// Writes `source` to another folder with new values for our tensors: the same files, names and
/// order; foreign tensors and all small files that are not weights (tokenizer, chat template,
/// licence ...) byte by byte; config.json last, unchanged unless the types are.
/// @param dtype  nothing: every tensor keeps its type; else stored_dtype(name, dtype) for ours
/// @return       what copy_small_files left behind
/// @throws as write_checkpoint
std::vector<std::string> rewrite_checkpoint(const ModelFolder& source,
                                            const std::filesystem::path& folder,
                                            std::optional<Dtype> dtype, const FillTensor& fill,
                                            FileSystem& files = real_file_system());

}  // namespace polaris
