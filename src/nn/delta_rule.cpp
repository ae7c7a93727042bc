#include "nn/internal/delta_rule.h"

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <c10/util/StringUtil.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

#include "base/error.h"
#include "nn/internal/delta_chunks.h"
#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check(const DeltaOperands& x, const DeltaPlan& plan) {
  const std::int64_t tokens = plan.sequences().tokens();
  const bool heads = x.q.dim() == 3 && x.q.sizes() == x.k.sizes() && x.q.size(0) == tokens &&
                     x.v.dim() == 3 && x.v.size(0) == tokens && x.v.size(1) % x.k.size(1) == 0;
  POLARIS_CHECK(heads, "q {}, k {} and v {} do not fit {} tokens", c10::str(x.q.sizes()),
                c10::str(x.k.sizes()), c10::str(x.v.sizes()), tokens);
  const at::IntArrayRef gates = x.v.sizes().slice(0, 2);
  POLARIS_CHECK(x.g.sizes() == gates && x.beta.sizes() == gates, "g {} and beta {}, but v {}",
                c10::str(x.g.sizes()), c10::str(x.beta.sizes()), c10::str(x.v.sizes()));
  const std::vector<std::int64_t> states{plan.sequences().count(), x.v.size(1), x.k.size(2),
                                         x.v.size(2)};
  POLARIS_CHECK(!x.h0.defined() || x.h0.sizes() == states, "h0 {}, not {}", c10::str(x.h0.sizes()),
                c10::str(at::IntArrayRef(states)));
}

at::ScalarType arithmetic(const DeltaOperands& x) {
  return x.q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

DeltaForm form_for(const DeltaOperands& x) {
  const bool kernels = x.q.is_cpu() && arithmetic(x) == at::kFloat && !takes_gpu_kernels(x.q);
  return kernels ? delta_form_cpu() : delta_form_tensors();
}

/// The input in the type that is computed in, without gaps.
DeltaOperands prepared(const DeltaOperands& x) {
  const auto prepare = [&](const at::Tensor& t) {
    return t.defined() ? t.to(arithmetic(x)).contiguous() : t;
  };
  return {prepare(x.q), prepare(x.k), prepare(x.v), prepare(x.g), prepare(x.beta), prepare(x.h0)};
}

/// Keeps a plan alive until the backward has run.
struct PlanHolder : torch::CustomClassHolder {
  explicit PlanHolder(const DeltaPlan& p) : plan(p) {}
  DeltaPlan plan;
};

struct DeltaFunction : torch::autograd::Function<DeltaFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v, const at::Tensor& g, const at::Tensor& beta,
                               const std::optional<at::Tensor>& h0, const DeltaPlan& plan,
                               double scale) {
    const DeltaOperands x{q, k, v, g, beta, h0.value_or(at::Tensor())};
    DeltaSaved saved;
    const DeltaOutput out = form_for(x).forward(prepared(x), plan, scale, &saved);
    // The inputs as they were given: they live anyway, their float32 copies would not.
    ctx->save_for_backward({q, k, v, g, beta, x.h0, saved.inverse, saved.written, saved.states});
    ctx->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<PlanHolder>(plan));
    ctx->saved_data["scale"] = scale;
    ctx->set_materialize_grads(false);
    return {out.o, out.final_state};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    const variable_list kept = ctx->get_saved_variables();
    const DeltaOperands x{kept[0], kept[1], kept[2], kept[3], kept[4], kept[5]};
    const auto holder = ctx->saved_data["plan"].toCapsule();
    const DeltaOperands d =
        form_for(x).backward(prepared(x), static_cast<const PlanHolder&>(*holder).plan,
                             ctx->saved_data["scale"].toDouble(), {kept[6], kept[7], kept[8]},
                             {gradients[0], gradients[1]});
    const auto as = [](const at::Tensor& gradient, const at::Tensor& input) {
      return input.defined() ? gradient.to(input.scalar_type()) : at::Tensor();
    };
    return {as(d.q, x.q),       as(d.k, x.k),   as(d.v, x.v), as(d.g, x.g),
            as(d.beta, x.beta), as(d.h0, x.h0), {},           {}};
  }
};

bool wants_gradient(const DeltaOperands& x) {
  if (!at::GradMode::is_enabled()) return false;
  for (const at::Tensor& t : {x.q, x.k, x.v, x.g, x.beta, x.h0})
    if (t.defined() && t.requires_grad()) return true;
  return false;
}

}  // namespace

DeltaOutput delta_rule(const DeltaOperands& x, const DeltaPlan& plan, double scale) {
  check(x, plan);
  if (!wants_gradient(x)) return form_for(x).forward(prepared(x), plan, scale, nullptr);
  const auto h0 = x.h0.defined() ? std::optional(x.h0) : std::nullopt;
  const variable_list out = DeltaFunction::apply(x.q, x.k, x.v, x.g, x.beta, h0, plan, scale);
  return {out[0], out[1]};
}

}  // namespace polaris::nn
