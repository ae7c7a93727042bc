#include "nn/internal/parameter_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "base/error.h"
#include "nn/kernels/split_float.h"

namespace polaris::nn {
namespace {

at::TensorOptions arena_options(const StoreOptions& options, at::ScalarType type) {
  return at::TensorOptions().device(options.device).dtype(type);
}

/// A tensor over memory of the caller, for the time of one call.
at::Tensor over(std::span<const float> values) {
  return at::from_blob(const_cast<float*>(values.data()),  // only read
                       {static_cast<std::int64_t>(values.size())}, at::kFloat);
}

}  // namespace

ParameterStore::ParameterStore(ParameterLayout layout, const StoreOptions& options)
    : layout_(std::move(layout)), options_(options) {
  POLARIS_CHECK(!options.split_master || options.compute == at::kBFloat16,
                "a split master is a bfloat16 and its remainder");
  const std::int64_t size = layout_.size();
  weights_ = at::zeros({size}, arena_options(options, options.compute));
  if (options.split_master) remainder_ = at::zeros({size}, arena_options(options, at::kShort));
  if (options.gradients) {
    const auto type = options.compute == at::kDouble ? at::kDouble : at::kFloat;
    gradient_ = at::zeros({size}, arena_options(options, type));
  }
  if (options.compute != at::kBFloat16) return;
  for (const Parameter& parameter : layout_.parameters()) {
    if (!parameter.is_matrix())
      vectors_[parameter.name] =
          at::zeros({parameter.range.count}, arena_options(options, at::kFloat));
  }
}

at::Tensor ParameterStore::weights(ParameterRange range) const {
  return weights_.narrow(0, range.begin, range.count);
}

at::Tensor ParameterStore::remainder(ParameterRange range) const {
  return remainder_.narrow(0, range.begin, range.count);
}

at::Tensor ParameterStore::gradient(ParameterRange range) const {
  return gradient_.narrow(0, range.begin, range.count);
}

at::Tensor ParameterStore::gradient_view(ParameterRange range, at::IntArrayRef shape) const {
  return gradient_.defined() ? gradient(range).view(shape) : at::Tensor();
}

Weight ParameterStore::weight(std::string_view name) const {
  const Parameter& parameter = layout_.at(name);
  const auto copy = vectors_.find(name);
  const at::Tensor flat = copy != vectors_.end() ? copy->second : weights(parameter.range);
  return {flat.view(parameter.shape), gradient_view(parameter.range, parameter.shape)};
}

Weight ParameterStore::joined(std::string_view first, std::string_view last) const {
  const Parameter& from = layout_.at(first);
  const Parameter& to = layout_.at(last);
  const ParameterRange range{from.range.begin, to.range.end() - from.range.begin};
  const std::int64_t width = from.shape[1];
  POLARIS_CHECK(range.count % width == 0, "{} and {} are not one matrix", first, last);
  const std::array<std::int64_t, 2> shape{range.count / width, width};
  return {weights(range).view(shape), gradient_view(range, shape)};
}

void ParameterStore::zero_gradient() { gradient_.zero_(); }

void ParameterStore::refresh_vectors() {
  if (!options_.split_master) return;  // otherwise the copies are the master
  for (auto& [name, copy] : vectors_) {
    const ParameterRange range = layout_.at(name).range;
    const at::Tensor upper = weights(range).view(at::kShort).to(at::kInt);
    copy.copy_(upper.mul(65536).add(remainder(range)).view(at::kFloat));
  }
}

void ParameterStore::write(const Parameter& parameter, std::int64_t first,
                           std::span<const float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  POLARIS_CHECK(first >= 0 && first + count <= parameter.range.count, "{} is shorter",
                parameter.name);
  const ParameterRange range{parameter.range.begin + first, count};
  if (!options_.split_master) {
    const auto copy = vectors_.find(parameter.name);
    at::Tensor to = copy != vectors_.end() ? copy->second.narrow(0, first, count) : weights(range);
    to.copy_(over(values));
    return;
  }
  const at::Tensor upper = at::empty({count}, at::kShort);
  const at::Tensor lower = at::empty({count}, at::kShort);
  for (std::int64_t i = 0; i < count; ++i) {
    const kernels::SplitFloat split = kernels::split(values[i]);
    upper.mutable_data_ptr<std::int16_t>()[i] = static_cast<std::int16_t>(split.upper);
    lower.mutable_data_ptr<std::int16_t>()[i] = split.lower;
  }
  weights(range).view(at::kShort).copy_(upper);
  remainder(range).copy_(lower);
}

void ParameterStore::read(const Parameter& parameter, std::int64_t first,
                          std::span<float> values) const {
  const auto count = static_cast<std::int64_t>(values.size());
  POLARIS_CHECK(first >= 0 && first + count <= parameter.range.count, "{} is shorter",
                parameter.name);
  const ParameterRange range{parameter.range.begin + first, count};
  if (!options_.split_master) {
    const auto copy = vectors_.find(parameter.name);
    over(values).copy_(copy != vectors_.end() ? copy->second.narrow(0, first, count)
                                              : weights(range));
    return;
  }
  const at::Tensor upper = weights(range).view(at::kShort).cpu();
  const at::Tensor lower = remainder(range).cpu();
  for (std::int64_t i = 0; i < count; ++i)
    values[i] =
        kernels::join({.upper = static_cast<std::uint16_t>(upper.const_data_ptr<std::int16_t>()[i]),
                       .lower = lower.const_data_ptr<std::int16_t>()[i]});
}

void load_weights(ParameterStore& store, const ModelFolder& folder) {
  constexpr std::uint64_t kPiece = 1U << 20;  // elements
  std::vector<float> values;
  for (const ModelTensor& tensor : folder.tensors()) {
    const Parameter& parameter = store.layout().at(tensor.name);
    const Dtype dtype = tensor.stored->spec.dtype;
    const std::size_t bytes = weight_bytes(dtype);
    const std::uint64_t count = tensor.stored->bytes.size() / bytes;
    for (std::uint64_t first = 0; first < count; first += kPiece) {
      values.resize(std::min(kPiece, count - first));
      convert(tensor.stored->bytes.subspan(first * bytes, values.size() * bytes), dtype,
              std::as_writable_bytes(std::span(values)), Dtype::kF32);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i]))
          throw Error(ErrorCode::kInvalidData,
                      fmt::format("{}: tensor {}: element {} is {}; the checkpoint is damaged, "
                                  "fetch it again",
                                  folder.weights().file_of(*tensor.stored).string(),
                                  tensor.stored->spec.name, first + i, values[i]));
      }
      store.write(parameter, static_cast<std::int64_t>(first), values);
    }
  }
  store.refresh_vectors();
}

}  // namespace polaris::nn
