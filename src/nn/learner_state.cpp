#include "nn/internal/learner_state.h"

#include <algorithm>
#include <array>
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

std::string moment_name(MomentDtype dtype) {
  return enum_names(dtype)[static_cast<std::size_t>(dtype)];
}

/// One of the four tensors that hold the moments of a parameter, and what its name begins with.
struct MomentPart {
  const char* prefix;
  at::Tensor MomentTensors::*tensor;
  bool is_scale;
};
constexpr std::array<MomentPart, 4> kMomentParts = {{{"m.", &MomentTensors::m, false},
                                                     {"v.", &MomentTensors::v, false},
                                                     {"m_scale.", &MomentTensors::m_scale, true},
                                                     {"v_scale.", &MomentTensors::v_scale, true}}};

/// How a part is stored for a whole parameter; nothing if the parameter is without it.
struct StoredPart {
  const MomentPart* part;
  at::ScalarType type;
  TensorSpec spec;

  /// Elements of it that go with `count` elements of the parameter.
  std::int64_t elements(std::int64_t count) const {
    return part->is_scale ? Moments::blocks(count) : count;
  }
};

std::vector<StoredPart> stored_parts(const Parameter& parameter, const Moments& moments) {
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
  const MomentTypes types = moments.types(parameter);
  std::vector<StoredPart> stored;
  for (const MomentPart& part : kMomentParts) {
    if (part.is_scale && !types.has_scales) continue;
    const auto type = part.is_scale                      ? at::kFloat
                      : part.tensor == &MomentTensors::m ? types.m
                                                         : types.v;
    const Shape shape =
        part.is_scale ? Shape{Moments::blocks(parameter.range.count)} : parameter.shape;
    stored.push_back({&part, type, {part.prefix + parameter.name, dtype(type), shape}});
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

/// Appends a moment of a parameter, which its ranks hand out shard by shard.
void write_moments(std::optional<SafetensorsWriter>& writer, const StoredPart& stored,
                   std::size_t parameter, const ParameterStore& store, const Moments& moments) {
  const Sharding& sharding = store.sharding();
  const auto options = at::TensorOptions().device(store.options().device).dtype(stored.type);
  for (int owner = 0; owner < sharding.ranks(); ++owner) {
    const auto& shards = sharding.shards(owner);
    const auto shard = std::ranges::find(shards, parameter, &Shard::parameter);
    if (shard == shards.end()) continue;
    const bool is_own = owner == sharding.rank();
    const at::Tensor own =
        is_own ? moments.of(static_cast<std::size_t>(shard - shards.begin())).*stored.part->tensor
               : at::Tensor();
    sharding.stream(owner, own, stored.elements(shard->range.count), options,
                    [&](std::int64_t /*first*/, const at::Tensor& slice) {
                      if (writer) writer->append(stored.spec.name, host_bytes(slice.cpu()));
                    });
  }
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

/// Reads the moments of the `i`-th own shard.
void read_moments(const SavedOptimizer& saved, const ParameterStore& store, const Moments& moments,
                  std::size_t i) {
  const Shard& shard = store.sharding().own_shards()[i];
  for (const StoredPart& stored :
       stored_parts(store.layout().parameters()[shard.parameter], moments)) {
    const at::Tensor tensor = moments.of(i).*stored.part->tensor;
    const at::Tensor host = tensor.is_cpu() ? tensor : tensor.cpu();
    const auto bytes =
        saved.bytes(stored.spec)
            .subspan(static_cast<std::size_t>(stored.elements(shard.first)) * tensor.element_size(),
                     host.nbytes());
    std::memcpy(host.mutable_data_ptr(), bytes.data(), bytes.size());
    if (!tensor.is_cpu()) tensor.copy_(host);
  }
}

void read_rest(const SavedOptimizer& saved, const TensorSpec& spec, const Parameter& parameter,
               ParameterStore& store) {
  const std::byte* bytes = saved.bytes(spec).data();
  const auto copy_piece = [&](auto& values, std::int64_t first, std::int64_t count) {
    values.resize(count);
    std::memcpy(values.data(), bytes + first * sizeof(values[0]), count * sizeof(values[0]));
  };
  std::vector<float> masters;
  std::vector<std::int16_t> lower;
  in_pieces(parameter.range.count, [&](std::int64_t first, std::int64_t count) {
    if (spec.dtype == Dtype::kF32) {
      copy_piece(masters, first, count);
      store.write(parameter, first, masters);
    } else {  // the upper halves are what model/ held
      copy_piece(lower, first, count);
      store.write_remainder(parameter, first, lower);
    }
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

void save_learner_state(const fs::path& folder, Model& model, const Optimizer& optimizer,
                        std::optional<Dtype> dtype, std::int64_t version) {
  ParameterStore& store = model.trained();
  const Sharding& sharding = store.sharding();
  const auto& parameters = store.layout().parameters();
  const ParameterStore::Gathered masters(store);

  std::optional<SafetensorsWriter> writer;  // on rank 0, which alone writes
  std::vector<std::optional<TensorSpec>> rests;
  if (sharding.rank() == 0) {
    const fs::path weights = folder / (model.adapters ? kAdapterFolder : kModelFolder);
    fs::create_directory(weights);
    save_model(model, weights, dtype);
    const std::vector<Dtype> types = saved_types(folder, model);
    std::vector<TensorSpec> specs;
    for (const Parameter& parameter : parameters) {
      for (const StoredPart& stored : stored_parts(parameter, optimizer.moments()))
        specs.push_back(stored.spec);
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      rests.push_back(rest_of_master(parameters[i], types[i]));
      if (rests.back()) specs.push_back(*rests.back());
    }
    writer.emplace(folder / kOptimizerFile, specs);
  }

  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (const StoredPart& stored : stored_parts(parameters[i], optimizer.moments()))
      write_moments(writer, stored, i, store, optimizer.moments());
  }
  if (!writer) return;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (rests[i]) write_rest(*writer, *rests[i], parameters[i], store);
  }
  writer->commit();
  write_atomically(folder / kLearnerFile,
                   dump_json({{"version", version},
                              {"optimizer_steps", optimizer.steps()},
                              {"moments", moment_name(optimizer.moments().dtype())}}) +
                       "\n");
}

std::int64_t load_learner_state(const fs::path& folder, Model& model, Optimizer& optimizer) {
  load_saved_weights(folder, model);
  const std::vector<Dtype> types = saved_types(folder, model);
  ParameterStore& store = model.trained();
  const SavedOptimizer saved(folder / kOptimizerFile);
  const auto& parameters = store.layout().parameters();
  for (std::size_t i = 0; i < store.sharding().own_shards().size(); ++i)
    read_moments(saved, store, optimizer.moments(), i);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
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

namespace polaris {

std::optional<MomentDtype> saved_moments(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / nn::kLearnerFile;
  const Json state = read_json_file(path);
  const auto found = state.find("moments");
  if (found == state.end()) return std::nullopt;
  const std::vector<std::string> names = enum_names(MomentDtype{});
  const auto name = std::ranges::find(names, found->get<std::string>());
  if (name == names.end())
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: moments \"{}\" are not known",
                                                     path.string(), found->get<std::string>()));
  return static_cast<MomentDtype>(name - names.begin());
}

}  // namespace polaris
