// Test equipment: adapters with random values.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"
#include "weights/peft_adapter.h"

namespace polaris {

/// Element `first` + i of a tensor, of size 0.1 or so: a function of name and index alone.
inline void made_up_values(std::string_view name, std::uint64_t first, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const StreamId stream{.prompt_hash = id_hash(name), .purpose = RandomPurpose::kInit};
    const auto word = stream.draw(static_cast<std::uint32_t>(first + i))[0];
    values[i] = (static_cast<float>(word) * 0x1p-31F - 1.0F) * 0.1F;
  }
}

/// Writes an adapter for the model in `base` whose both halves differ from zero.
inline LoraLayout write_made_up_adapter(const std::filesystem::path& base,
                                        const std::filesystem::path& folder,
                                        const std::vector<std::string>& targets = {"all-linear"},
                                        std::int64_t rank = 4, double alpha = 8) {
  const ModelFolder model(base);
  const LoraLayout layout = make_lora_layout(model.config(), rank, alpha, targets);
  std::filesystem::create_directories(folder);
  write_peft_adapter(folder, layout, model, made_up_values);
  return layout;
}

}  // namespace polaris
