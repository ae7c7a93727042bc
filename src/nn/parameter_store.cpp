#include "nn/internal/parameter_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>

#include "base/error.h"
#include "nn/kernels/split_float.h"

namespace polaris::nn {
namespace {

at::TensorOptions arena_options(const StoreOptions& options, at::ScalarType type) {
  return at::TensorOptions().device(options.device).dtype(type);
}

/// A tensor over memory of the caller, for the time of one call.
template <class T>
at::Tensor over(std::span<T> values) {
  using Value = std::remove_const_t<T>;
  return at::from_blob(const_cast<Value*>(values.data()),  // where it is const, only read
                       {static_cast<std::int64_t>(values.size())},
                       c10::CppTypeToScalarType<Value>::value);
}

}  // namespace

ParameterStore::ParameterStore(ParameterLayout layout, const StoreOptions& options)
    : layout_(std::move(layout)), options_(options), sharding_(layout_, options.collective) {
  POLARIS_CHECK(!options.split_master || options.compute == at::kBFloat16,
                "a split master is a bfloat16 and its remainder");
  const std::int64_t size = layout_.size();
  weights_ = at::zeros({size}, arena_options(options, options.compute));
  if (options.split_master)
    remainder_ = at::zeros({sharding_.own().count}, arena_options(options, at::kShort));
  if (options.gradients) {
    const auto type = options.compute == at::kDouble ? at::kDouble : at::kFloat;
    gradient_ = at::zeros({size}, arena_options(options, type));
  }
  if (options.compute != at::kBFloat16) return;
  std::int64_t end = 0;
  for (const Parameter& parameter : layout_.parameters()) {
    if (parameter.is_matrix()) continue;
    vector_ranges_[parameter.name] = {end, parameter.range.count};
    end += parameter.range.count;
  }
  vectors_ = at::zeros({end}, arena_options(options, at::kFloat));
}

at::Tensor ParameterStore::weights(ParameterRange range) const {
  return weights_.narrow(0, range.begin, range.count);
}

at::Tensor ParameterStore::remainder(ParameterRange range) const {
  return remainder_.narrow(0, range.begin - sharding_.own().begin, range.count);
}

at::Tensor ParameterStore::gradient(ParameterRange range) const {
  return gradient_.narrow(0, range.begin, range.count);
}

at::Tensor ParameterStore::vector(ParameterRange in_vectors) const {
  return vectors_.narrow(0, in_vectors.begin, in_vectors.count);
}

at::Tensor ParameterStore::gradient_view(ParameterRange range, at::IntArrayRef shape) const {
  return gradient_.defined() ? gradient(range).view(shape) : at::Tensor();
}

Weight ParameterStore::weight(std::string_view name) const {
  const Parameter& parameter = layout_.at(name);
  const auto copy = vector_ranges_.find(name);
  const at::Tensor flat =
      copy != vector_ranges_.end() ? vector(copy->second) : weights(parameter.range);
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

void ParameterStore::publish() {
  sharding_.share(weights_);
  refresh_vectors();
}

void ParameterStore::refresh_vectors() {
  if (!options_.split_master) return;  // otherwise the copies are the master
  // Every rank renews what its shard has of them: one range of the copies, because they lie in the
  // order of the index space.
  for (int owner = 0; owner < sharding_.ranks(); ++owner) {
    std::optional<ParameterRange> renewed;
    for (const Shard& shard : sharding_.shards(owner)) {
      const auto place = vector_ranges_.find(layout_.parameters()[shard.parameter].name);
      if (place == vector_ranges_.end()) continue;
      const ParameterRange part{place->second.begin + shard.first, shard.range.count};
      if (!renewed) renewed = {part.begin, 0};
      renewed->count = part.end() - renewed->begin;
      if (owner != sharding_.rank()) continue;
      const at::Tensor upper = weights(shard.range).view(at::kShort).to(at::kInt);
      vector(part).copy_(upper.mul(65536).add(remainder(shard.range)).view(at::kFloat));
    }
    if (renewed) sharding_.collective().broadcast(vector(*renewed), owner);
  }
}

void ParameterStore::write(const Parameter& parameter, std::int64_t first,
                           std::span<const float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  POLARIS_CHECK(first >= 0 && first + count <= parameter.range.count, "{} is shorter",
                parameter.name);
  const ParameterRange range{parameter.range.begin + first, count};
  if (!options_.split_master) {
    const auto copy = vector_ranges_.find(parameter.name);
    at::Tensor to = copy != vector_ranges_.end() ? vector(copy->second).narrow(0, first, count)
                                                 : weights(range);
    to.copy_(over(values));
    return;
  }
  const at::Tensor upper = at::empty({count}, at::kShort);
  std::vector<std::int16_t> lower(values.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const kernels::SplitFloat split = kernels::split(values[i]);
    upper.mutable_data_ptr<std::int16_t>()[i] = static_cast<std::int16_t>(split.upper);
    lower[i] = split.lower;
  }
  weights(range).view(at::kShort).copy_(upper);
  write_remainder(parameter, first, lower);
}

void ParameterStore::write_remainder(const Parameter& parameter, std::int64_t first,
                                     std::span<const std::int16_t> values) {
  if (!options_.split_master) {
    std::vector<float> whole(values.size());
    read(parameter, first, whole);
    for (std::size_t i = 0; i < whole.size(); ++i)
      whole[i] = kernels::join({.upper = kernels::split(whole[i]).upper, .lower = values[i]});
    write(parameter, first, whole);
    return;
  }
  const std::int64_t begin = parameter.range.begin + first;
  const std::int64_t end = begin + static_cast<std::int64_t>(values.size());
  POLARIS_CHECK(first >= 0 && end <= parameter.range.end(), "{} is shorter", parameter.name);
  const ParameterRange own = sharding_.own();
  const std::int64_t from = std::max(begin, own.begin), to = std::min(end, own.end());
  if (from >= to) return;
  remainder({from, to - from})
      .copy_(over(values.subspan(static_cast<std::size_t>(from - begin),
                                 static_cast<std::size_t>(to - from))));
}

at::Tensor ParameterStore::lower_halves(ParameterRange range) const {
  if (gathered_.defined()) return gathered_.narrow(0, range.begin, range.count);
  POLARIS_CHECK(sharding_.ranks() == 1, "only rank 0 reads masters, and gathers them first");
  return remainder(range).cpu();
}

void ParameterStore::read(const Parameter& parameter, std::int64_t first,
                          std::span<float> values) const {
  const auto count = static_cast<std::int64_t>(values.size());
  POLARIS_CHECK(first >= 0 && first + count <= parameter.range.count, "{} is shorter",
                parameter.name);
  const ParameterRange range{parameter.range.begin + first, count};
  if (!options_.split_master) {
    const auto copy = vector_ranges_.find(parameter.name);
    over(values).copy_(copy != vector_ranges_.end() ? vector(copy->second).narrow(0, first, count)
                                                    : weights(range));
    return;
  }
  const at::Tensor upper = weights(range).view(at::kShort).cpu();
  const at::Tensor lower = lower_halves(range);
  for (std::int64_t i = 0; i < count; ++i)
    values[i] =
        kernels::join({.upper = static_cast<std::uint16_t>(upper.const_data_ptr<std::int16_t>()[i]),
                       .lower = lower.const_data_ptr<std::int16_t>()[i]});
}

ParameterStore::Gathered::Gathered(ParameterStore& store) : store_(store) {
  const Sharding& sharding = store.sharding_;
  if (!store.options_.split_master || sharding.ranks() == 1) return;
  if (sharding.rank() == 0) store.gathered_ = at::empty({store.layout_.size()}, at::kShort);
  for (int owner = 0; owner < sharding.ranks(); ++owner) {
    const ParameterRange range = sharding.range(owner);
    sharding.stream(owner, store.remainder_, range.count, store.remainder_.options(),
                    [&](std::int64_t first, const at::Tensor& slice) {
                      if (store.gathered_.defined())
                        store.gathered_.narrow(0, range.begin + first, slice.numel()).copy_(slice);
                    });
  }
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
