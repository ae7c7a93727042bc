#include "nn/internal/lora.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "nn/internal/gemm.h"

namespace polaris::nn {
namespace {

/// A projection with an adapter, and where it lies in a joined matrix.
struct Placed {
  LoraTarget target;
  std::int64_t first_row;
};

/// By the tensor that begins a matrix: the adapters on it, from the first row to the last.
using Matrices = std::vector<std::pair<std::string, std::vector<Placed>>>;

Matrices matrices_of(const ParameterLayout& model, const LoraLayout& layout) {
  Matrices matrices;
  std::string first;
  std::int64_t row = 0;
  auto target = layout.targets.begin();
  for (const Parameter& parameter : model.parameters()) {
    if (!continues_joined_matrix(parameter.name)) {
      first = parameter.name;
      row = 0;
    }
    if (target != layout.targets.end() && target->weight() == parameter.name) {
      if (matrices.empty() || matrices.back().first != first) matrices.push_back({first, {}});
      matrices.back().second.push_back({*target++, row});
    }
    row += parameter.shape.front();
  }
  POLARIS_CHECK(target == layout.targets.end(), "the model has no {} in its place", target->module);
  return matrices;
}

/// Per matrix all A's end to end, then every B.
ParameterLayout parameters_of(const Matrices& matrices, const LoraLayout& layout) {
  std::vector<std::vector<ExpectedTensor>> groups;
  for (const auto& [first, placed] : matrices) {
    auto& a = groups.emplace_back();
    for (const Placed& one : placed) a.push_back({one.target.a(), {layout.rank, one.target.in}});
    for (const Placed& one : placed)
      groups.push_back({{one.target.b(), {one.target.out, layout.rank}}});
  }
  return ParameterLayout(groups);
}

bool is_narrow(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }

at::Tensor columns(const at::Tensor& x, std::int64_t first, std::int64_t count) {
  return x.narrow(1, first, count);
}

/// The columns of x A^T that belong to one part.
at::Tensor low_of(const Lora& lora, const at::Tensor& low, std::size_t part) {
  return columns(low, static_cast<std::int64_t>(part) * lora.rank(), lora.rank());
}

/// Like `to`, but in a type that sums can be kept in; `to` itself if its own is.
at::Tensor sums_for(const at::Tensor& to) {
  return is_narrow(to) ? at::empty(to.sizes(), to.options().dtype(at::kFloat)) : to;
}

/// y in bfloat16, projection by projection: both products of one are summed before they are
/// rounded.
void forward_narrow(const at::Tensor& y, const at::Tensor& x, const at::Tensor& low,
                    const Weight& weight) {
  const auto plain = [&](std::int64_t first, std::int64_t count) {
    if (count > 0) gemm_nt(columns(y, first, count), x, weight.value.narrow(0, first, count));
  };
  const Lora& lora = *weight.lora;
  std::int64_t done = 0;  // rows of W
  for (std::size_t i = 0; i < lora.parts.size(); ++i) {
    const auto& [first, b] = lora.parts[i];
    plain(done, first - done);
    const at::Tensor part = columns(y, first, b.value.size(0));
    const at::Tensor sums = sums_for(part);
    gemm_nt(sums, x, weight.value.narrow(0, first, b.value.size(0)));
    gemm_nt(sums, low_of(lora, low, i), b.value, /*accumulate=*/true);
    part.copy_(sums);
    done = first + b.value.size(0);
  }
  plain(done, weight.value.size(0) - done);
}

}  // namespace

at::Tensor lora_forward(const at::Tensor& y, const at::Tensor& x, const Weight& weight) {
  const Lora& lora = *weight.lora;
  at::Tensor low = at::empty({x.size(0), lora.a.value.size(0)}, x.options());
  gemm_nt(low, x, lora.a.value);
  low.mul_(lora.scale);
  if (is_narrow(y)) {
    forward_narrow(y, x, low, weight);
    return low;
  }
  gemm_nt(y, x, weight.value);
  for (std::size_t i = 0; i < lora.parts.size(); ++i) {
    const auto& [first, b] = lora.parts[i];
    gemm_nt(columns(y, first, b.value.size(0)), low_of(lora, low, i), b.value, /*accumulate=*/true);
  }
  return low;
}

at::Tensor lora_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& low,
                         const Weight& weight) {
  const Lora& lora = *weight.lora;
  at::Tensor dlow = at::empty_like(low);
  for (std::size_t i = 0; i < lora.parts.size(); ++i) {
    const auto& [first, b] = lora.parts[i];
    const at::Tensor dy_of_part = columns(dy, first, b.value.size(0));
    if (b.gradient.defined())
      gemm_tn(b.gradient, dy_of_part, low_of(lora, low, i), /*accumulate=*/true);
    gemm_nn(low_of(lora, dlow, i), dy_of_part, b.value);
  }
  dlow.mul_(lora.scale);
  if (lora.a.gradient.defined()) gemm_tn(lora.a.gradient, dlow, x, /*accumulate=*/true);

  const at::Tensor dx = at::empty_like(x);
  const at::Tensor sums = sums_for(dx);
  gemm_nn(sums, dy, weight.value);
  gemm_nn(sums, dlow, lora.a.value, /*accumulate=*/true);
  if (!sums.is_same(dx)) dx.copy_(sums);
  return dx;
}

at::Tensor merged(const Weight& weight) {
  if (!weight.lora) return weight.value;
  const auto type = weight.value.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor sum = weight.value.to(type, /*non_blocking=*/false, /*copy=*/true);
  const Lora& lora = *weight.lora;
  for (std::size_t i = 0; i < lora.parts.size(); ++i) {
    const Lora::Part& part = lora.parts[i];
    const at::Tensor a =
        lora.a.value.narrow(0, static_cast<std::int64_t>(i) * lora.rank(), lora.rank());
    gemm_nn(sum.narrow(0, part.first_row, part.b.value.size(0)),
            part.b.value.to(type).mul(lora.scale), a.to(type), /*accumulate=*/true);
  }
  return sum;
}

LoraAdapters::LoraAdapters(const ParameterLayout& model, LoraLayout layout,
                           const StoreOptions& options)
    : layout_(std::move(layout)),
      store_(parameters_of(matrices_of(model, layout_), layout_), options) {
  for (const auto& [first, placed] : matrices_of(model, layout_)) {
    auto lora = std::make_shared<Lora>();
    lora->a = store_.joined(placed.front().target.a(), placed.back().target.a());
    lora->scale = layout_.scale();
    for (const Placed& one : placed)
      lora->parts.push_back({one.first_row, store_.weight(one.target.b())});
    by_matrix_.emplace(first, std::move(lora));
  }
}

std::shared_ptr<const Lora> LoraAdapters::on(std::string_view first) const {
  const auto found = by_matrix_.find(first);
  return found == by_matrix_.end() ? nullptr : found->second;
}

void LoraAdapters::initialise(std::uint64_t seed) {
  for (const LoraTarget& target : layout_.targets) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(target.in));
    RandomStream random(
        {.seed = seed, .prompt_hash = id_hash(target.a()), .purpose = RandomPurpose::kInit});
    std::vector<float> values(static_cast<std::size_t>(layout_.rank * target.in));
    for (float& value : values) value = static_cast<float>(bound * (2.0 * random.uniform() - 1.0));
    store_.write(store_.layout().at(target.a()), 0, values);
    values.assign(static_cast<std::size_t>(target.out * layout_.rank), 0.0F);
    store_.write(store_.layout().at(target.b()), 0, values);
  }
}

void LoraAdapters::read(const PeftAdapter& adapter) {
  std::vector<float> values;
  for (const Parameter& parameter : store_.layout().parameters()) {
    values.resize(static_cast<std::size_t>(parameter.range.count));
    adapter.read(parameter.name, 0, values);
    store_.write(parameter, 0, values);
  }
}

void LoraAdapters::write(const std::filesystem::path& folder, const ModelFolder& base) const {
  write_peft_adapter(folder, layout_, base,
                     [&](std::string_view name, std::uint64_t first, std::span<float> values) {
                       store_.read(store_.layout().at(name), static_cast<std::int64_t>(first),
                                   values);
                     });
}

}  // namespace polaris::nn
