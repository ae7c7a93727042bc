#include "nn/internal/fused.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace polaris::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct HeldBackward : torch::CustomClassHolder {
  explicit HeldBackward(Backward held) : backward(std::move(held)) {}
  Backward backward;
};

/// Not a tensor for the engine: apply() below looks for inputs among its arguments.
struct Made {
  Tensors results;
  Backward backward;
};

struct Recorded : torch::autograd::Function<Recorded> {
  static variable_list forward(AutogradContext* context, at::TensorList /*inputs*/, Made made) {
    context->saved_data["backward"] =
        at::IValue::make_capsule(c10::make_intrusive<HeldBackward>(std::move(made.backward)));
    return std::move(made.results);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto held = c10::static_intrusive_pointer_cast<HeldBackward>(
        context->saved_data["backward"].toCapsule());
    POLARIS_CHECK(held->backward != nullptr, "backward through the same operation a second time");
    const Backward backward = std::exchange(held->backward, nullptr);
    for (at::Tensor& gradient : gradients) gradient = gradient.contiguous();
    variable_list result = backward(gradients);
    result.emplace_back();  // of Made
    return result;
  }
};

}  // namespace

Tensors record(const Tensors& inputs, Tensors results, Backward backward) {
  const auto requires_grad = [](const at::Tensor& input) { return input.requires_grad(); };
  if (!c10::GradMode::is_enabled() || std::ranges::none_of(inputs, requires_grad)) return results;
  return Recorded::apply(at::TensorList(inputs), Made{std::move(results), std::move(backward)});
}

}  // namespace polaris::nn
