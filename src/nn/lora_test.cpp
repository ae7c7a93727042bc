#include "nn/internal/lora.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "base/task_pool.h"
#include "base/temp_folder.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/gradient_pass.h"
#include "nn/internal/linear.h"
#include "nn/internal/model.h"
#include "nn/internal/trunk.h"
#include "nn/policy.h"
#include "weights/lora_testing.h"
#include "weights/merged_checkpoint.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kIn = 20, kRank = 3;

/// Two projections with adapters in a joined matrix, and rows of another between and behind them.
struct Case {
  explicit Case(at::ScalarType type, at::Device device = at::kCPU) {
    const auto make = [&](at::IntArrayRef shape) {
      return at::randn(shape, at::kDouble).mul(0.3).to(type).to(device);
    };
    const auto sums = type == at::kDouble ? at::kDouble : at::kFloat;
    const auto trained = [&](at::IntArrayRef shape) {
      return Weight{make(shape), at::zeros(shape, at::dtype(sums).device(device))};
    };
    auto made = std::make_shared<Lora>();
    made->a = trained({2 * kRank, kIn});
    made->parts = {{0, trained({24, kRank})}, {32, trained({16, kRank})}};
    made->scale = 1.75;
    lora = made;
    weight = {make({56, kIn}), {}, lora};
    x = make({37, kIn});
    dy = make({37, 56});
  }

  /// y, dx, dA and both dB.
  std::vector<at::Tensor> run() const {
    for (const at::Tensor& g : gradients()) at::Tensor(g).zero_();
    const at::Tensor input = x.detach().requires_grad_();
    const at::Tensor y = linear(input, weight);
    torch::autograd::backward({y}, {dy});
    std::vector<at::Tensor> results = {y.detach(), input.grad()};
    for (const at::Tensor& g : gradients()) results.push_back(g.clone());
    return results;
  }

  /// The same by the definition: one differentiable matrix W + scale B A, in double.
  std::vector<at::Tensor> run_definition() const {
    const auto leaf = [](const at::Tensor& t) {
      return t.detach().cpu().to(at::kDouble).requires_grad_();
    };
    const at::Tensor input = leaf(x), a = leaf(lora->a.value);
    const at::Tensor b0 = leaf(lora->parts[0].b.value), b1 = leaf(lora->parts[1].b.value);
    const at::Tensor w = weight.value.cpu().to(at::kDouble).clone();
    w.narrow(0, 0, 24).add_(at::mm(b0, a.narrow(0, 0, kRank)), lora->scale);
    w.narrow(0, 32, 16).add_(at::mm(b1, a.narrow(0, kRank, kRank)), lora->scale);
    const at::Tensor y = at::mm(input, w.t());
    torch::autograd::backward({y}, {dy.cpu().to(at::kDouble)});
    return {y.detach(), input.grad(), a.grad(), b0.grad(), b1.grad()};
  }

  std::vector<at::Tensor> gradients() const {
    return {lora->a.gradient, lora->parts[0].b.gradient, lora->parts[1].b.gradient};
  }

  std::shared_ptr<const Lora> lora;
  Weight weight;
  at::Tensor x, dy;
};

void expect_definition(at::ScalarType type, at::Device device, double tolerance) {
  const Case c(type, device);
  const auto actual = c.run(), expected = c.run_definition();
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_LT(relative_difference(actual[i], expected[i]), tolerance) << i;
  EXPECT_LT(relative_difference(
                merged(c.weight).cpu().to(at::kDouble).matmul(c.x.cpu().to(at::kDouble).t()),
                expected[0].t()),
            tolerance);
  EXPECT_EQ(merged(c.weight).scalar_type(), type == at::kDouble ? at::kDouble : at::kFloat);
}

TEST(Lora, IsTheMergedMatrixForwardAndBackward) {
  for (const at::Device device : devices()) {
    expect_definition(at::kDouble, device, 1e-13);
    expect_definition(at::kFloat, device, 1e-6);
    expect_definition(at::kBFloat16, device, 1e-2);
  }
}

// An adapter that moves y by less than half a step of bfloat16 still moves the mean of y.
TEST(Lora, InBfloat16TheSumIsRoundedOnce) {
  const Case c(at::kBFloat16);
  const at::Tensor y = at::zeros({37, 56}, at::kBFloat16);
  const auto wide = [](const at::Tensor& t) { return t.to(at::kDouble); };
  const at::Tensor low = wide(lora_forward(y, c.x, c.weight));
  const at::Tensor exact = at::mm(wide(c.x), wide(c.weight.value).t());
  for (const std::int64_t i : {0, 1}) {
    const Lora::Part& part = c.lora->parts[static_cast<std::size_t>(i)];
    exact.narrow(1, part.first_row, part.b.value.size(0))
        .add_(at::mm(low.narrow(1, i * kRank, kRank), wide(part.b.value).t()));
  }
  const at::Tensor half_step = exact.abs().mul(std::ldexp(1.0, -8)).add(1e-5);
  EXPECT_TRUE(wide(y).sub(exact).abs().le(half_step).all().item<bool>());
}

TEST(Lora, GradientsAreThoseOfFiniteDifferences) {
  const Case c(at::kDouble);
  const auto loss = [&] { return linear(c.x, c.weight).mul(c.dy).sum().item<double>(); };
  const auto analytic = c.run();
  const std::vector<at::Tensor> values = {c.x, c.lora->a.value, c.lora->parts[0].b.value,
                                          c.lora->parts[1].b.value};
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto* value = values[i].mutable_data_ptr<double>();
    const at::Tensor gradient = analytic[i + 1].contiguous();
    for (std::int64_t j = 0; j < values[i].numel(); j += 7) {
      const double before = value[j], step = 1e-5;
      value[j] = before + step;
      const double up = loss();
      value[j] = before - step;
      const double down = loss();
      value[j] = before;
      EXPECT_NEAR((up - down) / (2 * step), gradient.const_data_ptr<double>()[j], 1e-7)
          << i << " " << j;
    }
  }
}

TEST(Lora, ThreadsDoNotChangeABit) {
  const int before = at::get_num_threads();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const Case c(type);
    at::set_num_threads(1);
    const auto one = c.run();
    at::set_num_threads(2);
    const auto two = c.run();
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], two[i])) << i;
  }
  at::set_num_threads(before);
}

TEST(LoraAdapters, BeginAsPeftsDoAndDoNotChangeTheModel) {
  const StoreOptions options{.gradients = true};
  const LoraConfig config{.enabled = true, .rank = 5, .alpha = 10};
  const Model plain(golden_folder("qwen3_5_tiny"), {});
  const Model model(golden_folder("qwen3_5_tiny"), options, config, /*seed=*/1);
  const Model other(golden_folder("qwen3_5_tiny"), options, config, /*seed=*/2);
  EXPECT_FALSE(model.store.weight("norm.weight").gradient.defined());
  const ParameterStore& store = model.trained();
  for (const LoraTarget& target : model.adapters->layout().targets) {
    const at::Tensor a = store.weight(target.a()).value;
    const double bound = 1.0 / std::sqrt(static_cast<double>(target.in));
    EXPECT_LE(a.abs().max().item<double>(), bound);
    EXPECT_GT(a.abs().max().item<double>(), 0.9 * bound);
    EXPECT_LT(std::abs(a.mean().item<double>()), 0.25 * bound);
    EXPECT_FALSE(at::equal(a, other.trained().weight(target.a()).value));
    EXPECT_EQ(store.weight(target.b()).value.abs().max().item<double>(), 0.0);
  }
  const std::vector<TokenId> tokens = {5, 6, 7, 8, 9};
  const PackedBatch batch(plain.config(), tokens, std::vector<std::int64_t>{5}, at::kCPU);
  EXPECT_TRUE(at::equal(model.decoder.hidden(batch), plain.decoder.hidden(batch)));
}

class LoraOfModel : public testing::TestWithParam<std::string> {
 protected:
  LoraOfModel() { write_made_up_adapter(base, folder / "adapter"); }

  std::vector<TokenId> tokens(std::size_t count) const {
    std::vector<TokenId> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(static_cast<TokenId>(17 * i % 320));
    return result;
  }

  TempFolder folder;
  std::filesystem::path base = golden_folder(GetParam());
};

TEST_P(LoraOfModel, AnAdapterBesideTheModelAndMergedIntoItSayTheSame) {
  TaskPool pool(1);
  const ModelFolder model(base);
  write_merged_checkpoint(model, PeftAdapter(folder / "adapter", model), folder / "merged", pool,
                          [](std::uint64_t) {});
  const DeviceConfig cpu{.name = "cpu", .threads = 1};
  const auto score = [&](const std::filesystem::path& path, const std::string& adapter) {
    const auto sequence = tokens(70);
    return Policy::load(path, ComputeDtype::kFloat32, cpu, adapter)
        .score(std::vector{ScoreRequest{.tokens = sequence}})[0]
        .logprobs;
  };
  const auto beside = score(base, folder / "adapter"), merged = score(folder / "merged", "");
  const auto without = score(base, "");
  double moved = 0.0;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    EXPECT_NEAR(beside[i], merged[i], 2e-4) << i;
    moved = std::max(moved, std::abs(double{beside[i]} - double{without[i]}));
  }
  EXPECT_GT(moved, 0.05);  // the adapter does something
}

/// d (sum of slopes * log-probs) / d A and B against finite differences along random directions.
TEST_P(LoraOfModel, GradientsOfTheWholeModelAreThoseOfFiniteDifferences) {
  Model model(base, {.compute = at::kDouble, .gradients = true}, {.adapter = folder / "adapter"});
  const auto sequence = tokens(40);
  PackedTargets pack;
  pack.add(std::span(sequence).first(3), std::span(sequence).subspan(3));
  const LossGradient slopes = [](std::int64_t first, std::span<const float> logprobs,
                                 std::span<float> gradient) {
    for (std::size_t i = 0; i < logprobs.size(); ++i)
      gradient[i] = (static_cast<std::size_t>(first) + i) % 3 == 0 ? 1.0F : -0.5F;
  };
  const PackedBatch batch(model.config(), pack.tokens, pack.lengths, at::kCPU);
  const auto sum_of_sines = [&] {  // a smooth function of the last hidden rows
    return model.decoder.hidden(batch).sin().sum().item<double>();
  };
  Trunk trunk(model.decoder, /*recompute=*/true);
  const at::Tensor x = trunk.forward(batch);
  trunk.backward(batch, x.cos());
  const ParameterStore& store = model.trained();
  for (const Parameter& parameter : store.layout().parameters()) {
    const Weight weight = store.weight(parameter.name);
    const at::Tensor direction = at::randn(weight.value.sizes(), at::kDouble);
    const double analytic = weight.gradient.mul(direction).sum().item<double>();
    at::Tensor value = weight.value;
    const double step = 1e-6;
    value.add_(direction, step);
    const double up = sum_of_sines();
    value.add_(direction, -2 * step);
    const double down = sum_of_sines();
    value.add_(direction, step);
    EXPECT_NEAR((up - down) / (2 * step), analytic, 1e-4 * (1.0 + std::abs(analytic)))
        << parameter.name;
  }
  // And the whole pass with the head reaches them too.
  model.trained().zero_gradient();
  gradient_pass(model.decoder, trunk, pack, 1.0, slopes);
  for (const Parameter& parameter : store.layout().parameters())
    EXPECT_GT(store.weight(parameter.name).gradient.abs().max().item<double>(), 0.0)
        << parameter.name;
}

INSTANTIATE_TEST_SUITE_P(Models, LoraOfModel,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "llama3_tiny",
                                         "qwen3_tiny", "mistral_tiny"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace polaris::nn
