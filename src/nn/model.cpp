#include "nn/internal/model.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <cstring>
#include <thread>

#include "base/error.h"
#include "nn/internal/torch_errors.h"
#include "nn/kernels/split_float.h"
#include "weights/checkpoint_writer.h"

namespace polaris::nn {
namespace {

/// float32 masters as elements of `dtype`. bfloat16 is the upper half of the master, so that
/// together with the remainder in the optimizer's state nothing is lost.
void narrow(std::span<const float> values, Dtype dtype, std::span<std::byte> piece) {
  if (dtype != Dtype::kBF16) {
    convert(std::as_bytes(values), Dtype::kF32, piece, dtype);
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t upper = kernels::split(values[i]).upper;
    std::memcpy(piece.data() + i * sizeof(upper), &upper, sizeof(upper));
  }
}

StoreOptions frozen(StoreOptions options) {
  options.split_master = false;
  options.gradients = false;
  options.collective = nullptr;  // every rank has all of it
  return options;
}

std::optional<LoraAdapters> open_adapters(const LoraConfig& lora, const ModelFolder& folder,
                                          const ParameterLayout& weights,
                                          const StoreOptions& options, std::uint64_t seed) {
  if (!lora.is_used()) return std::nullopt;
  std::optional<LoraAdapters> adapters;
  if (lora.adapter.empty()) {
    adapters.emplace(
        weights, make_lora_layout(folder.config(), lora.rank, lora.alpha, lora.targets), options);
    adapters->initialise(seed);
  } else {
    const PeftAdapter saved(lora.adapter, folder);
    adapters.emplace(weights, saved.layout(), options);
    adapters->read(saved);
  }
  return adapters;
}

}  // namespace

at::Device open_device(const DeviceConfig& config) {
  const auto threads = config.threads > 0
                           ? config.threads
                           : static_cast<std::int64_t>(std::thread::hardware_concurrency());
  at::set_num_threads(static_cast<int>(std::max<std::int64_t>(threads, 1)));
  if (config.name == "cpu") return at::kCPU;
  if (config.name == "auto") return at::hasCUDA() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (!at::hasCUDA())
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("device.name is {}, but no CUDA device can be used here; write cpu or "
                            "auto",
                            config.name));
  const std::string index = config.name == "cuda" ? "0" : config.name.substr(5);
  const int number = std::stoi(index);
  if (number >= static_cast<int>(at::getNumGPUs()))
    throw Error(ErrorCode::kInvalidConfig, fmt::format("device.name is {}, but there are {} GPUs",
                                                       config.name, at::getNumGPUs()));
  return {at::kCUDA, static_cast<c10::DeviceIndex>(number)};
}

at::ScalarType compute_type(ComputeDtype dtype, at::Device device) {
  switch (dtype) {
    case ComputeDtype::kFloat32:
      return at::kFloat;
    case ComputeDtype::kBfloat16:
      return at::kBFloat16;
    case ComputeDtype::kAuto:
      break;
  }
  return device.is_cuda() ? at::kBFloat16 : at::kFloat;
}

Model::Model(const std::filesystem::path& path, const StoreOptions& options, const LoraConfig& lora,
             std::uint64_t seed)
    : folder(path),
      store(translating(fmt::format("reading {}", path.string()),
                        "see polaris model info for what it needs",
                        [&] {
                          return ParameterStore(ParameterLayout(folder.config()),
                                                lora.is_used() ? frozen(options) : options);
                        })),
      adapters(open_adapters(lora, folder, store.layout(), options, seed)),
      decoder(folder.config(), store, adapters ? &*adapters : nullptr) {
  load_weights(store, folder);
}

void save_model(const Model& model, const std::filesystem::path& folder,
                std::optional<Dtype> dtype) {
  if (model.adapters) {
    model.adapters->write(folder, model.folder);
    return;
  }
  std::vector<float> values;
  const FillTensor fill = [&](std::string_view name, Dtype type, std::uint64_t first,
                              std::span<std::byte> piece) {
    values.resize(piece.size() / weight_bytes(type));
    model.store.read(model.store.layout().at(name), static_cast<std::int64_t>(first), values);
    narrow(values, type, piece);
  };
  rewrite_checkpoint(model.folder, folder, dtype, fill);
}

}  // namespace polaris::nn
