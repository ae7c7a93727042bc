#pragma once

#include <filesystem>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "weights/safetensors.h"

namespace polaris {

inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";

/// The weights of a Hugging Face checkpoint folder, mapped: the files that
/// `model.safetensors.index.json` names; without an index `model.safetensors`, else the only
/// `*.safetensors` there is. Every tensor has one name and lies in one file.
class HfCheckpoint {
 public:
  /// @throws Error{kIo} naming the file that is missing or unreadable
  /// @throws Error{kInvalidData} naming file, tensor and reason: as SafetensorsFile; index and
  /// files
  ///         that do not list the same tensors; an index that names files outside the folder;
  ///         several files and no index
  explicit HfCheckpoint(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }

  /// In the order of their names.
  const std::vector<SafetensorsFile>& shards() const { return shards_; }

  /// The index file as it was read; null for a single file without one.
  const Json& index() const { return index_; }

  std::size_t tensor_count() const { return by_name_.size(); }

  /// @return null if there is no such tensor
  const StoredTensor* find(std::string_view name) const;

  /// @param tensor  one of this checkpoint's
  const std::filesystem::path& file_of(const StoredTensor& tensor) const;

 private:
  void open_indexed();
  void check_index() const;
  std::filesystem::path only_file() const;

  std::filesystem::path folder_;
  Json index_;
  std::vector<SafetensorsFile> shards_;
  // Keys and values point into shards_, whose elements stay where they are when it is moved.
  std::unordered_map<std::string_view, const StoredTensor*> by_name_;
};

}  // namespace polaris
