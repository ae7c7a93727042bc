#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/mapped_file.h"
#include "weights/tensor_spec.h"

/// Reading the safetensors format:
///
///   8 bytes   little-endian length n of the header
///   n bytes   JSON: {"name": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}, ...},
///   plus
///             optional "__metadata__": {"key": "value"}; may end in spaces
///   the rest  the tensors' bytes, little-endian, row-major, back to back; offsets count from here
namespace polaris {

/// A longer header is refused, as by the reference implementation.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

using SafetensorsMetadata = std::map<std::string, std::string>;

/// A tensor and where its bytes are; they are not aligned.
struct StoredTensor {
  TensorSpec spec;
  std::span<const std::byte> bytes;
};

struct SafetensorsContent {
  std::vector<StoredTensor> tensors;  ///< in the order of their bytes
  SafetensorsMetadata metadata;
};

/// Reads a file that lies in memory; spans of the result point into `file`. Allocates in proportion
/// to the header only, whatever shapes the header claims.
/// @param where  names the file in errors
/// @throws Error{kInvalidData} naming file, tensor and reason: a header that is cut off, too long
/// or
///         not JSON; an unknown dtype; a size that does not follow from shape and dtype; bytes out
///         of range, shared by two tensors or owned by none
SafetensorsContent parse_safetensors(std::span<const std::byte> file, std::string_view where);

/// A safetensors file, mapped.
class SafetensorsFile {
 public:
  /// @throws Error{kIo} as MappedFile, Error{kInvalidData} as parse_safetensors
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<StoredTensor>& tensors() const { return content_.tensors; }
  const SafetensorsMetadata& metadata() const { return content_.metadata; }

  /// @return null if there is no such tensor
  const StoredTensor* find(std::string_view name) const;

 private:
  MappedFile file_;
  SafetensorsContent content_;
};

}  // namespace polaris
