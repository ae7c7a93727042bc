#pragma once

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "weights/safetensors.h"

namespace polaris::nn {

/// The CPU, and a GPU where there is one: a test's body runs on every device of the machine.
inline std::vector<at::Device> devices() {
  std::vector<at::Device> found = {at::kCPU};
  if (at::hasCUDA()) found.emplace_back(at::kCUDA, 0);
  return found;
}

inline std::filesystem::path golden_folder(const std::string& name) {
  return std::filesystem::path(POLARIS_GOLDEN_DIR) / name;
}

/// Tensors of a file that another program made.
class GoldenFile {
 public:
  explicit GoldenFile(const std::filesystem::path& path) : file_(path) {}

  /// @throws Error{kInternal} if it is not there
  at::Tensor operator[](const std::string& name) const {
    const StoredTensor* stored = file_.find(name);
    POLARIS_CHECK(stored != nullptr, "{} has no tensor {}", file_.path().string(), name);
    const at::Tensor bytes =
        at::from_blob(const_cast<std::byte*>(stored->bytes.data()),
                      {static_cast<std::int64_t>(stored->bytes.size())}, at::kByte)
            .clone();  // aligned
    return bytes.view(type_of(stored->spec.dtype)).view(stored->spec.shape);
  }

  bool contains(const std::string& name) const { return file_.find(name) != nullptr; }
  const SafetensorsFile& file() const { return file_; }

 private:
  static at::ScalarType type_of(Dtype dtype) {
    switch (dtype) {
      case Dtype::kF32:
        return at::kFloat;
      case Dtype::kF64:
        return at::kDouble;
      case Dtype::kBF16:
        return at::kBFloat16;
      case Dtype::kI32:
        return at::kInt;
      case Dtype::kI64:
        return at::kLong;
      default:
        throw Error(ErrorCode::kInternal, "a golden tensor of an unexpected type");
    }
  }

  SafetensorsFile file_;
};

/// Largest |a - b|, and the same relative to the largest |b|, in double.
inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.cpu().to(at::kDouble).sub(b.cpu().to(at::kDouble))).abs().max().item<double>();
}
inline double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return max_difference(a, b) / b.cpu().to(at::kDouble).abs().max().item<double>();
}

}  // namespace polaris::nn
