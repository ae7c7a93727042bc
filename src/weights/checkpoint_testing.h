// Test equipment: small checkpoint folders, made and taken apart.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "weights/checkpoint_writer.h"
#include "weights/safetensors_writer.h"

namespace polaris {

/// A tensor with its bytes, outside of any file.
struct LooseTensor {
  TensorSpec spec;
  std::vector<std::byte> bytes;
};

inline std::vector<LooseTensor> load_tensors(const std::filesystem::path& file) {
  const SafetensorsFile source(file);
  std::vector<LooseTensor> result;
  for (const StoredTensor& tensor : source.tensors())
    result.push_back({tensor.spec, {tensor.bytes.begin(), tensor.bytes.end()}});
  return result;
}

inline void save_tensors(const std::filesystem::path& file,
                         const std::vector<LooseTensor>& tensors) {
  std::vector<TensorSpec> specs;
  for (const LooseTensor& tensor : tensors) specs.push_back(tensor.spec);
  SafetensorsWriter writer(file, specs);
  for (const LooseTensor& tensor : tensors) writer.append(tensor.spec.name, tensor.bytes);
  writer.commit();
}

/// Loads a file of tensors, lets `change` have them, and saves them in its place.
inline void edit_tensors(const std::filesystem::path& file,
                         const std::function<void(std::vector<LooseTensor>&)>& change) {
  auto tensors = load_tensors(file);
  change(tensors);
  save_tensors(file, tensors);
}

inline void edit_json(const std::filesystem::path& file, const std::function<void(Json&)>& change) {
  Json json = read_json_file(file);
  change(json);
  write_atomically(file, json.dump());
}

/// Everything of a golden model folder but its golden numbers.
inline void copy_golden_model(const std::string& name, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  const std::filesystem::path from = std::string(POLARIS_GOLDEN_DIR) + "/" + name;
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    const auto file = entry.path().filename();
    if (file != "golden.safetensors" && file != "README.md")
      std::filesystem::copy_file(entry.path(), to / file);
  }
}

/// Delivers the values that `source` holds itself.
inline FillTensor values_of(const ModelFolder& source) {
  return [&source](std::string_view name, Dtype dtype, std::uint64_t first,
                   std::span<std::byte> piece) {
    const StoredTensor* tensor = source.weights().find(source.names().in_file(name));
    const std::size_t width = weight_bytes(tensor->spec.dtype);
    const std::size_t count = piece.size() / weight_bytes(dtype);
    convert(tensor->bytes.subspan(first * width, count * width), tensor->spec.dtype, piece, dtype);
  };
}

/// The message of the Error that `work` throws; "no error" if it throws none.
inline std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace polaris
