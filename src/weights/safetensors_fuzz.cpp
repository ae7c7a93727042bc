// libFuzzer: any bytes as a safetensors file. Seeds: tests/fuzz/safetensors.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "weights/safetensors_writer.h"

namespace polaris {
namespace {

void read_and_write_back(std::span<const std::byte> file) {
  const SafetensorsContent content = parse_safetensors(file, "fuzz");
  std::vector<TensorSpec> specs;
  std::size_t bytes = 0;
  unsigned sum = 0;
  for (const StoredTensor& tensor : content.tensors) {
    POLARIS_CHECK(byte_size(tensor.spec) == tensor.bytes.size());
    for (const std::byte b : tensor.bytes) sum += std::to_integer<unsigned>(b);
    bytes += tensor.bytes.size();
    specs.push_back(tensor.spec);
  }
  POLARIS_CHECK(bytes <= file.size() && sum <= 255 * bytes);

  std::string written = safetensors_header(specs, content.metadata);
  written.resize(written.size() + bytes);
  const SafetensorsContent again = parse_safetensors(std::as_bytes(std::span(written)), "again");
  POLARIS_CHECK(again.metadata == content.metadata && again.tensors.size() == specs.size());
  for (const StoredTensor& tensor : content.tensors) {
    POLARIS_CHECK(std::any_of(again.tensors.begin(), again.tensors.end(),
                              [&](const StoredTensor& t) { return t.spec == tensor.spec; }));
  }
}

void read_or_refuse(std::span<const std::byte> file) {
  try {
    read_and_write_back(file);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInvalidData) throw;
  }
}

/// The same input with the length that its header really has, so that a changed header is read and
/// not just refused for its length.
void repair_length(std::vector<std::byte>& file) {
  const auto end = std::find(file.rbegin(), file.rend(), std::byte{'}'}).base();
  const auto length = static_cast<std::size_t>(end - file.begin());
  for (std::size_t i = 0; i < 8 && length >= 8; ++i)
    file[i] = static_cast<std::byte>((length - 8) >> (8 * i));
}

}  // namespace
}  // namespace polaris

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  polaris::read_or_refuse(bytes);
  std::vector<std::byte> repaired(bytes.begin(), bytes.end());
  polaris::repair_length(repaired);
  polaris::read_or_refuse(repaired);
  return 0;
}
