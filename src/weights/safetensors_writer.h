#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "weights/safetensors.h"

namespace polaris {

/// The bytes before the data: length, then the header, padded with spaces to a multiple of 8.
/// Tensors stand in the given order, back to back.
/// @throws Error{kInternal} for a name that stands twice or a tensor without a size
std::string safetensors_header(std::span<const TensorSpec> tensors,
                               const SafetensorsMetadata& metadata);

/// Writes one safetensors file from front to back, without ever holding more than the piece at
/// hand. The file appears whole at commit() or not at all. The same calls give the same bytes.
class SafetensorsWriter {
 public:
  /// @param metadata  what transformers writes, and old releases of it insist on, by default
  /// @throws Error{kIo} as AtomicFile
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                    const SafetensorsMetadata& metadata = {{"format", "pt"}},
                    FileSystem& files = real_file_system());

  /// The next bytes of the tensor `name`. Tensors come in the declared order, each in any number of
  /// pieces; a wrong name and bytes beyond its size are Error{kInternal}.
  void append(std::string_view name, std::span<const std::byte> piece);

  /// @throws Error{kInternal} if bytes are missing, Error{kIo} as AtomicFile
  void commit();

 private:
  void skip_finished();

  std::vector<TensorSpec> tensors_;
  std::size_t current_ = 0;         // tensor that takes the next bytes
  std::uint64_t current_done_ = 0;  // its bytes so far
  AtomicFile file_;
};

}  // namespace polaris
