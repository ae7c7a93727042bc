// The bars G5 to G9 and G11 of specs/performance.md F on a GPU: a line of JSON for each, behind one
// with the bandwidth of a copy and the rate of a bfloat16 product, measured in the same run.
//
//   gpu_train [CONFIG] [LAYERS] [DEVICE]
//
//   CONFIG    a config.json; assets/architectures/qwen3.5-9b.json
//   LAYERS    how many of its layers, or fit: as many as the memory plan finds room for; fit
//   DEVICE    cuda; cpu only tries the program out, with a 32nd of the tokens
//
// Weights are random (no checkpoint is read), texts too. bound is what F counts as work, recomputed
// layers included, at the measured rate; ratio is the share of it that was reached. Targets are
// F's, of an H200. Both are of the layers and tokens that were there: scale is their arithmetic by
// that of F's shape, 1 for all of Qwen3.5-9B.
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "gpu_place.h"
#include "nn/internal/delta_rule.h"
#include "nn/internal/gradient_pass.h"
#include "nn/internal/optimizer.h"
#include "nn/internal/slot_writer.h"

namespace polaris::nn {
namespace {

/// G6. The forward pass keeps what the backward one needs.
void delta_bars(const Place& place) {
  const LinearAttentionConfig& c = *place.config().linear_attention;
  const Texts texts = place.texts(2, 8448);
  const std::int64_t t = texts.tokens();
  const auto random = [&](at::IntArrayRef shape) {
    return at::randn(shape, at::TensorOptions().device(place.device()).dtype(at::kFloat));
  };
  const auto unit_rows = [&] {
    const at::Tensor x = random({t, c.key_heads, c.key_head_dim});
    return x.div(at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true)).requires_grad_(true);
  };
  const DeltaOperands x{.q = unit_rows(),
                        .k = unit_rows(),
                        .v = random({t, c.value_heads, c.value_head_dim}).requires_grad_(true),
                        .g = random({t, c.value_heads}).abs().neg().requires_grad_(true),
                        .beta = random({t, c.value_heads}).sigmoid().requires_grad_(true)};
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(texts.count), texts.length);
  const DeltaPlan plan(PackedSequences(lengths), place.device());

  const auto forward = [&] { return delta_rule(x, plan, 1.0).o; };
  const at::Tensor o = forward(), gradient = random(o.sizes());
  const auto backward = [&] {
    torch::autograd::grad({o}, {x.q, x.k, x.v, x.g, x.beta}, {gradient}, /*retain_graph=*/true);
  };
  const auto print = [&](const char* name, double time, double bytes, double of_f, double target) {
    place.print({.name = name,
                 .unit = "ms",
                 .texts = texts,
                 .seconds = time,
                 .bound = bytes / place.bandwidth(),
                 .target = {bytes / of_f, {}, target}});
  };
  print("G6 forward", seconds(place.device(), forward), delta_forward_bytes(c, texts), 0.7e9,
        0.5e-3);
  print("G6 backward", seconds(place.device(), backward), delta_backward_bytes(c, texts), 2.2e9,
        1.6e-3);
}

/// Every hidden state predicts a target.
PackedTargets packed(const Texts& texts, const ModelConfig& config) {
  const std::vector<TokenId> text = some_text(texts.length + 1, config.vocab_size);
  PackedTargets pack;
  for (std::int64_t i = 0; i < texts.count; ++i)
    pack.add(std::span(text).first(1), std::span(text).subspan(1));
  return pack;
}

class TrainBars {
 public:
  explicit TrainBars(const Place& place)
      : place_(place),
        config_(place.config()),
        store_(ParameterLayout(config_), {.device = place.device(),
                                          .compute = at::kBFloat16,
                                          .split_master = true,
                                          .gradients = true}),
        decoder_(config_, store_),
        trunk_(decoder_, /*recompute=*/true),
        optimizer_(store_, {.moments = MomentDtype::kBfloat16}, /*seed=*/1) {
    initialise(store_, config_);
  }

  /// G7, G8, and G11, which is of both.
  void update() {
    if (place_.device().is_cuda()) place_.allocator().resetPeakStats(place_.device().index());
    const Texts texts = place_.texts(2, 8448);
    const PackedTargets pack = packed(texts, config_);
    const auto loss = [](std::int64_t, std::span<const float>, std::span<float> gradient) {
      std::ranges::fill(gradient, -1e-4F);
    };
    const double pass_s = seconds(place_.device(), [&] {
      gradient_pass(decoder_, trunk_, pack, /*temperature=*/1.0, loss, place_.head_rows());
    });
    const double flop = 4 * forward_flop(config_, texts, texts.tokens());
    place_.print({.name = "G7",
                  .unit = "tok/s",
                  .texts = texts,
                  .seconds = pass_s,
                  .bound = flop / place_.gemm_rate(),
                  .target = {flop / (16'896 * 66.2e9), 16'896 / 4.0e3, 16'896 / 6.5e3}});

    const double step_s = seconds(place_.device(), [&] {
      if (!optimizer_.step(/*learning_rate=*/1e-6, /*gradient_scale=*/1.0)
               .nonfinite_tensors.empty())
        throw Error(ErrorCode::kInternal, "gradients are not finite, and nothing was updated");
    });
    // The norm reads gradients; AdamW reads them too, reads and writes weights and moments.
    const double bytes = (4.0 + 4.0 + 2 * 8.0) * static_cast<double>(store_.layout().size());
    place_.print({.name = "G8",
                  .unit = "ms",
                  .texts = {},
                  .seconds = step_s,
                  .bound = bytes / place_.bandwidth(),
                  .target = {bytes / 215e9, 0.1, 0.065}});
    print_peak(texts);
  }

  /// G9.
  void logprobs() {
    const Texts all = place_.texts(16, 4096), part = place_.texts(4, 4096);
    const PackedTargets pack = packed(part, config_);
    const double time = seconds(place_.device(), [&] {
      for (std::int64_t i = 0; i < all.count; i += part.count) score(pack);
    });
    const double flop = forward_flop(config_, all, all.tokens());
    place_.print({.name = "G9",
                  .unit = "s",
                  .texts = all,
                  .seconds = time,
                  .bound = flop / place_.gemm_rate(),
                  .target = {flop / (65'536 * 16.27e9), 3.2, 2.25}});
  }

  /// G5, as the sampler does it. The head sees the last token only, so that the bound is lower than
  /// F's, which counts it for all; the targets are F's.
  void prefill() {
    const Texts text = place_.texts(1, 8448);
    SlotWriter writer(decoder_, /*slots=*/1, text.length + 1,
                      {.max_new_tokens = 1, .vocabulary = config_.vocab_size});
    const std::vector<TokenId> prompt = some_text(text.length, config_.vocab_size);
    const double time = seconds(place_.device(), [&] { writer.begin(0, prompt); });
    place_.print({.name = "G5",
                  .unit = "s",
                  .texts = text,
                  .seconds = time,
                  .bound = forward_flop(config_, text, 1) / place_.gemm_rate(),
                  .target = {forward_flop(config_, text, text.length) / 139.8e12, 0.42, 0.28}});
  }

 private:
  void score(const PackedTargets& pack) const {
    const c10::NoGradGuard no_graph;
    const auto there = [&](const std::vector<std::int64_t>& x) {
      return at::tensor(x, at::kLong).to(place_.device());
    };
    const PackedBatch batch(config_, pack.tokens, pack.lengths, place_.device());
    const at::Tensor x = at::index_select(decoder_.hidden(batch), 0, there(pack.positions));
    head_logprobs(decoder_.final_norm(x), decoder_.head().value, there(pack.targets), 1.0);
  }

  /// What the allocator of a GPU has counted beside the memory plan (bound); on a CPU nobody
  /// counts. F's own target is of a whole GRPO step, sampler included, so there is none here.
  void print_peak(const Texts& texts) const {
    const auto gigabytes = [](std::int64_t bytes) { return 1e-9 * static_cast<double>(bytes); };
    const PhasePlan& plan = place_.update_plan();
    Json line = {{"bar", "G11"},          {"value", Json()},
                 {"unit", "GB"},          {"bound", gigabytes(plan.total())},
                 {"ratio", Json()},       {"target_stage1", Json()},
                 {"target_final", Json()}};
    for (const PlannedItem& item : plan.items)
      line["plan"][std::string(item_name(item.item))] = gigabytes(item.bytes);
    if (place_.device().is_cuda()) {
      const auto stats = place_.allocator().getDeviceStats(place_.device().index());
      constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
      const std::int64_t peak = stats.allocated_bytes[kAll].peak;
      line["value"] = gigabytes(peak);
      line["ratio"] = gigabytes(plan.total()) / gigabytes(peak);
      line["reserved"] = gigabytes(stats.reserved_bytes[kAll].peak);
    }
    place_.print(line, texts);
  }

  const Place& place_;
  const ModelConfig& config_;
  ParameterStore store_;
  Decoder decoder_;
  Trunk trunk_;
  Optimizer optimizer_;
};

void run(const Words& words) {
  const at::Device device = words.device(2);
  std::optional<std::int64_t> layers;
  if (words.at(1, "fit") != "fit") layers = words.number(1, 1);
  const Place place(device, words.model(0), layers);
  if (place.config().linear_attention) delta_bars(place);
  TrainBars bars(place);
  bars.update();
  bars.logprobs();
  bars.prefill();
}

}  // namespace
}  // namespace polaris::nn

int main(int argc, char** argv) {
  return polaris::nn::exit_code_of("gpu_train",
                                   [&] { polaris::nn::run(polaris::nn::Words(argc, argv)); });
}
