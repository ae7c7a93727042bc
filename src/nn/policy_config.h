#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"

namespace polaris {

enum class ComputeDtype { kAuto, kFloat32, kBfloat16 };
std::vector<std::string> enum_names(ComputeDtype);

enum class SaveDtype { kAsLoaded, kFloat32, kBfloat16 };
std::vector<std::string> enum_names(SaveDtype);

/// Low-rank adapters instead of full training (arXiv:2106.09685).
struct LoraConfig {
  bool enabled = false;
  std::int64_t rank = 32;
  double alpha = 64;
  std::vector<std::string> targets = {"all-linear"};
  std::string adapter;  ///< PEFT folder that the model starts with

  bool is_used() const { return enabled || !adapter.empty(); }

  void fields(FieldList& list);
};

/// [model]: which checkpoint, and how it is read, talked to and saved.
struct PolicyConfig {
  std::string path;
  ComputeDtype compute_dtype = ComputeDtype::kAuto;
  std::string chat_template = "auto";
  std::string system_message;
  SaveDtype save_dtype = SaveDtype::kAsLoaded;
  bool thinking = true;
  LoraConfig lora;

  void fields(FieldList& list);
};

}  // namespace polaris
