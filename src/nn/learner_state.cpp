#include "nn/internal/learner_state.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "nn/kernels/split_float.h"
#include "weights/safetensors_writer.h"

namespace polaris::nn {
namespace {

namespace fs = std::filesystem;

constexpr auto kModelFolder = "model";
constexpr auto kAdapterFolder = "adapter";
constexpr auto kOptimizerFile = "optimizer.safetensors";
constexpr auto kLearnerFile = "learner.json";
constexpr std::int64_t kPiece = 1 << 20;  // elements

/// The moments of a parameter as they are stored, under the names they have there.
std::vector<std::pair<TensorSpec, at::Tensor>> stored_moments(const Parameter& parameter,
                                                              const MomentTensors& moments) {
  const auto dtype = [](at::ScalarType type) {
    switch (type) {
      case at::kChar:
        return Dtype::kI8;
      case at::kByte:
        return Dtype::kU8;
      case at::kBFloat16:
        return Dtype::kBF16;
      default:
        return Dtype::kF32;
    }
  };
  std::vector<std::pair<TensorSpec, at::Tensor>> stored = {
      {{"m." + parameter.name, dtype(moments.m.scalar_type()), parameter.shape}, moments.m},
      {{"v." + parameter.name, dtype(moments.v.scalar_type()), parameter.shape}, moments.v}};
  if (moments.m_scale.defined()) {
    const Shape blocks = {moments.m_scale.numel()};
    stored.push_back({{"m_scale." + parameter.name, Dtype::kF32, blocks}, moments.m_scale});
    stored.push_back({{"v_scale." + parameter.name, Dtype::kF32, blocks}, moments.v_scale});
  }
  return stored;
}

/// Calls work(first, count) for consecutive pieces of `total` elements.
void in_pieces(std::int64_t total,
               const std::function<void(std::int64_t first, std::int64_t count)>& work) {
  for (std::int64_t first = 0; first < total; first += kPiece)
    work(first, std::min(kPiece, total - first));
}

std::span<const std::byte> host_bytes(const at::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

/// What `parameter` needs beside its values in model/, which are of type `stored`.
std::optional<TensorSpec> rest_of_master(const Parameter& parameter, Dtype stored) {
  if (stored == Dtype::kF32) return std::nullopt;
  if (stored == Dtype::kBF16)
    return TensorSpec{"remainder." + parameter.name, Dtype::kI16, parameter.shape};
  return TensorSpec{"master." + parameter.name, Dtype::kF32, parameter.shape};
}

void write_rest(SafetensorsWriter& writer, const TensorSpec& spec, const Parameter& parameter,
                const ParameterStore& store) {
  std::vector<float> values;
  std::vector<std::int16_t> lower;
  in_pieces(parameter.range.count, [&](std::int64_t first, std::int64_t count) {
    values.resize(count);
    store.read(parameter, first, values);
    if (spec.dtype == Dtype::kF32) {
      writer.append(spec.name, std::as_bytes(std::span(values)));
      return;
    }
    lower.resize(count);
    std::ranges::transform(values, lower.begin(),
                           [](float value) { return kernels::split(value).lower; });
    writer.append(spec.name, std::as_bytes(std::span(lower)));
  });
}

/// A saved optimizer file, checked tensor by tensor.
class SavedOptimizer {
 public:
  explicit SavedOptimizer(const fs::path& path) : file_(path) {}

  std::span<const std::byte> bytes(const TensorSpec& spec) const {
    const StoredTensor* stored = file_.find(spec.name);
    if (stored == nullptr) throw refused(spec.name, "is missing");
    if (stored->spec != spec)
      throw refused(spec.name,
                    fmt::format("is {} {}, not {} {} as this run's settings need",
                                dtype_name(stored->spec.dtype), shape_text(stored->spec.shape),
                                dtype_name(spec.dtype), shape_text(spec.shape)));
    return stored->bytes;
  }

 private:
  Error refused(std::string_view tensor, std::string_view reason) const {
    return {ErrorCode::kInvalidData,
            fmt::format("{}: tensor {} {}", file_.path().string(), tensor, reason)};
  }

  SafetensorsFile file_;
};

void read_moments(const SavedOptimizer& saved, const Parameter& parameter,
                  const MomentTensors& moments) {
  for (const auto& [spec, tensor] : stored_moments(parameter, moments)) {
    const auto bytes = saved.bytes(spec);
    const at::Tensor host = tensor.is_cpu() ? tensor : tensor.cpu();
    std::memcpy(host.mutable_data_ptr(), bytes.data(), bytes.size());
    if (!tensor.is_cpu()) tensor.copy_(host);
  }
}

void read_rest(const SavedOptimizer& saved, const TensorSpec& spec, const Parameter& parameter,
               ParameterStore& store) {
  const std::byte* bytes = saved.bytes(spec).data();
  std::vector<float> values;
  in_pieces(parameter.range.count, [&](std::int64_t first, std::int64_t count) {
    values.resize(count);
    if (spec.dtype == Dtype::kF32) {
      std::memcpy(values.data(), bytes + first * sizeof(float), values.size() * sizeof(float));
    } else {
      std::vector<std::int16_t> lower(count);
      std::memcpy(lower.data(), bytes + first * sizeof(lower[0]), lower.size() * sizeof(lower[0]));
      store.read(parameter, first, values);  // what model/ held: exactly the upper halves
      for (std::int64_t i = 0; i < count; ++i) {
        const auto upper = std::bit_cast<std::uint32_t>(values[i]) >> 16;
        values[i] = kernels::join({.upper = static_cast<std::uint16_t>(upper), .lower = lower[i]});
      }
    }
    store.write(parameter, first, values);
  });
}

/// The types in which the trained parameters were saved beside the optimizer's state, in their
/// order.
std::vector<Dtype> saved_types(const fs::path& folder, const Model& model) {
  if (model.adapters) return std::vector(model.trained().layout().parameters().size(), Dtype::kF32);
  std::vector<Dtype> types;
  const ModelFolder written(folder / kModelFolder);
  for (const ModelTensor& tensor : written.tensors()) types.push_back(tensor.stored->spec.dtype);
  return types;
}

void load_saved_weights(const fs::path& folder, Model& model) {
  if (model.adapters) {
    const PeftAdapter saved(folder / kAdapterFolder, model.folder);
    const LoraLayout &was = saved.layout(), &is = model.adapters->layout();
    if (was.rank != is.rank || was.alpha != is.alpha || was.targets != is.targets)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{} holds adapters of another rank, alpha or targets than this run's "
                              "model.lora",
                              saved.path().string()));
    model.adapters->read(saved);
    return;
  }
  const ModelFolder written(folder / kModelFolder);
  if (expected_tensors(written.config()) != expected_tensors(model.config()))
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{} holds another architecture than {}", written.path().string(),
                            model.folder.path().string()));
  load_weights(model.store, written);
}

}  // namespace

void save_learner_state(const fs::path& folder, const Model& model, const Optimizer& optimizer,
                        std::optional<Dtype> dtype, std::int64_t version) {
  const fs::path weights = folder / (model.adapters ? kAdapterFolder : kModelFolder);
  fs::create_directory(weights);
  save_model(model, weights, dtype);

  const ParameterStore& store = model.trained();
  const auto& parameters = store.layout().parameters();
  std::vector<TensorSpec> specs;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (const auto& [spec, tensor] : stored_moments(parameters[i], optimizer.moments().of(i)))
      specs.push_back(spec);
  }
  const std::vector<Dtype> types = saved_types(folder, model);
  std::vector<std::optional<TensorSpec>> rests;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    rests.push_back(rest_of_master(parameters[i], types[i]));
    if (rests.back()) specs.push_back(*rests.back());
  }

  SafetensorsWriter writer(folder / kOptimizerFile, specs);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (const auto& [spec, tensor] : stored_moments(parameters[i], optimizer.moments().of(i)))
      writer.append(spec.name, host_bytes(tensor.cpu()));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (rests[i]) write_rest(writer, *rests[i], parameters[i], store);
  }
  writer.commit();
  write_atomically(
      folder / kLearnerFile,
      dump_json({{"version", version}, {"optimizer_steps", optimizer.steps()}}) + "\n");
}

std::int64_t load_learner_state(const fs::path& folder, Model& model, Optimizer& optimizer) {
  load_saved_weights(folder, model);
  const std::vector<Dtype> types = saved_types(folder, model);
  ParameterStore& store = model.trained();
  const SavedOptimizer saved(folder / kOptimizerFile);
  const auto& parameters = store.layout().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    read_moments(saved, parameters[i], optimizer.moments().of(i));
    if (const auto rest = rest_of_master(parameters[i], types[i]))
      read_rest(saved, *rest, parameters[i], store);
  }
  store.refresh_vectors();

  const fs::path path = folder / kLearnerFile;
  const Json state = read_json_file(path);
  const auto number = [&](const char* key) {
    const auto found = state.find(key);
    if (found == state.end() || !found->is_number_unsigned())
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{}: \"{}\" is missing or not a count", path.string(), key));
    return found->get<std::int64_t>();
  };
  optimizer.set_steps(number("optimizer_steps"));
  return number("version");
}

}  // namespace polaris::nn
