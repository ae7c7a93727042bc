// A LoRA adapter as a folder of PEFT's form:
//
//   adapter_config.json         rank, alpha, target_modules, the base model's path
//   adapter_model.safetensors   base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
//                               [rank, in], ...lora_B.weight [out, rank], and so on
//
// Source: the developer guide "PEFT checkpoint format" of Hugging Face PEFT.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "weights/lora.h"
#include "weights/model_folder.h"
#include "weights/safetensors.h"

namespace polaris {

/// An adapter folder, mapped and checked against the model that it is for.
class PeftAdapter {
 public:
  /// @throws Error{kIo, kInvalidData} naming file, key or tensor: not a LoRA; a variant of it that
  ///         computes something else (DoRA, biases, ranks that differ ...); a tensor that the model
  ///         has no place for, of another shape, or without its other half; an adapter that says
  ///         which weights it was trained on, and these are others
  PeftAdapter(const std::filesystem::path& folder, const ModelFolder& base);

  const std::filesystem::path& path() const { return folder_; }
  const LoraLayout& layout() const { return layout_; }

  /// Elements of a tensor of layout().tensors(), from `first` on.
  /// @throws Error{kInvalidData} for a value that is not finite
  void read(std::string_view canonical_name, std::uint64_t first, std::span<float> values) const;

 private:
  void read_config();
  void find_tensors(const ModelFolder& base);
  void check_base(const ModelFolder& base) const;

  std::filesystem::path folder_;
  LoraLayout layout_;
  SafetensorsFile file_;
  std::map<std::string, const StoredTensor*, std::less<>> tensors_;  // by canonical name
};

/// Delivers elements of a tensor of a LoraLayout, from `first` on.
using ReadLora = std::function<void(std::string_view canonical_name, std::uint64_t first,
                                    std::span<float> values)>;

/// Writes an adapter in float32, adapter_config.json last. Names follow the base model's own, and
/// base.weights_sha256() is kept in the metadata of the tensors' file.
/// @param folder  exists
/// @throws Error{kIo}
void write_peft_adapter(const std::filesystem::path& folder, const LoraLayout& layout,
                        const ModelFolder& base, const ReadLora& read,
                        FileSystem& files = real_file_system());

}  // namespace polaris
