// The decode bars G1 to G4 of specs/performance.md F on a GPU: a line of JSON for each, with the
// bandwidth of a copy that was measured in the same run.
//
//   gpu_decode [CONFIG] [LAYERS] [CONTEXT] [DEVICE] [GRAPHS]
//
//   CONFIG    a config.json; assets/architectures/qwen3.5-9b.json
//   LAYERS    how many of its layers; all of them
//   CONTEXT   tokens that every sequence has already; 4096
//   DEVICE    cuda; cpu only tries the program out, at a small size
//   GRAPHS    no; graphs: a step is a CUDA graph
//
// Weights are random (no checkpoint is read), prompts too; 128 tokens are drawn as the recipe draws
// them, eight between two looks of the host. bound_ms is what the step must read and write, at the
// bandwidth of the copy.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "gpu_bars.h"
#include "nn/cuda/decode_delta_blocks.h"
#include "nn/internal/row_ops.h"
#include "nn/internal/run_blocks.h"
#include "nn/internal/slot_writer.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kLook = 8, kSteps = 128;

class Bars {
 public:
  Bars(ModelConfig config, std::int64_t context, at::Device device, bool uses_graphs)
      : config_(std::move(config)),
        context_(context),
        device_(device),
        uses_graphs_(uses_graphs),
        bandwidth_(copy_bandwidth(device)),
        store_(ParameterLayout(config_), {.device = device, .compute = at::kBFloat16}),
        decoder_(config_, store_) {
    initialise(store_, config_);
  }

  /// @param target_ms  of stage 1, at the real shape on an H200
  void decode(const char* bar, std::int64_t batch, double target_ms) {
    const std::int64_t max_tokens = context_ + kSteps + 2 * kLook;
    SlotWriter writer(decoder_, batch, max_tokens,
                      {.top_p = 0.95,
                       .top_k = 20,
                       .repetition_penalty = 1.1,
                       .max_new_tokens = kSteps + 2 * kLook,
                       .vocabulary = config_.vocab_size,
                       .uses_graphs = uses_graphs_});
    writer.begin(0, some_text(context_, config_.vocab_size));
    for (std::int64_t slot = batch; slot-- > 0;)  // the prompt's own slot last
      writer.start(slot, {.seed = 1, .sample = static_cast<std::uint32_t>(slot)});
    writer.advance(kLook);
    finish(device_);
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < kSteps; i += kLook) writer.advance(kLook);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    const double bound = 1e3 * step_bytes(batch) / bandwidth_;
    print({{"bar", bar},
           {"batch", batch},
           {"context", context_},
           {"ms_per_step", 1e3 * time.count() / kSteps},
           {"tokens_per_s", static_cast<double>(batch * kSteps) / time.count()},
           {"bytes", step_bytes(batch)},
           {"bound_ms", bound},
           {"of_bound", bound / (1e3 * time.count() / kSteps)},
           {"target_ms", target_ms}});
  }

  /// DeltaStep alone, one layer.
  void delta_step(std::int64_t batch) {
    const LinearAttentionConfig& c = *config_.linear_attention;
    using Step = cuda::DeltaStep<kernels::Bf16, 16>;
    POLARIS_CHECK(Step::rows_of_lane(c.key_head_dim, c.value_head_dim) <= 16, "large heads");
    const auto floats = at::TensorOptions().device(device_).dtype(at::kFloat);
    const at::Tensor slots = at::arange(batch, floats.dtype(at::kInt));
    const at::Tensor mixed = at::randn({batch, c.conv_dim()}, floats).mul(0.1);
    const at::Tensor g = at::randn({batch, c.value_heads}, floats).abs().neg();
    const at::Tensor beta = at::randn({batch, c.value_heads}, floats).sigmoid();
    const at::Tensor z = at::randn({batch, c.value_dim()}, floats).to(at::kBFloat16);
    const at::Tensor norm = at::zeros({c.value_head_dim}, floats).add(1.0);
    const at::Tensor states =
        at::randn({batch, c.value_heads, c.key_head_dim, c.value_head_dim}, floats);
    const at::Tensor y = at::empty_like(z);
    const Step step{
        .shape = {c.key_heads, c.value_heads, c.key_head_dim, c.value_head_dim, c.conv_kernel},
        .scale = static_cast<float>(decoder_.delta_scale()),
        .norm = {data<float>(norm), c.value_head_dim, 1e-6F, false},
        .slots = slots.const_data_ptr<std::int32_t>(),
        .mixed = data<float>(mixed),
        .g = data<float>(g),
        .beta = data<float>(beta),
        .z = data<kernels::Bf16>(z),
        .stride = z.stride(0),
        .states = mutable_data<float>(states),
        .y = mutable_data<kernels::Bf16>(y)};
    const int launches = device_.is_cuda() ? 100 : 1;
    const double time = seconds(device_,
                                [&] {
                                  for (int i = 0; i < launches; ++i)
                                    run_blocks(step, batch * c.value_heads, y);
                                }) /
                        launches;
    const double bytes = 2.0 * static_cast<double>(states.nbytes());
    print({{"bar", "G4"},
           {"batch", batch},
           {"us", 1e6 * time},
           {"bytes", bytes},
           {"gb_per_s", 1e-9 * bytes / time},
           {"of_bound", bytes / time / bandwidth_},
           {"target_of_bound", 0.85}});
  }

 private:
  /// What a step reads and writes: every weight but the embedding, the states twice, the keys and
  /// values that the sequences have in the middle of the run.
  double step_bytes(std::int64_t batch) const {
    const auto rows = static_cast<double>(batch);
    double bytes = 2.0 * static_cast<double>(store_.layout().size());
    if (!config_.tie_word_embeddings)
      bytes -= 2.0 * static_cast<double>(config_.vocab_size * config_.hidden_size);
    for (const LayerKind kind : config_.layers) {
      if (kind == LayerKind::kLinearAttention) {
        const LinearAttentionConfig& c = *config_.linear_attention;
        bytes += rows * 2 * 4 * static_cast<double>(c.value_dim() * c.key_head_dim);
        bytes += rows * 2 * 2 * static_cast<double>((c.conv_kernel - 1) * c.conv_dim());
      } else {
        bytes += rows * 2 * 2 *
                 static_cast<double>((context_ + kSteps / 2) * config_.key_value_heads *
                                     config_.head_dim);
      }
    }
    return bytes;
  }

  void print(Json line) const {
    line["layers"] = config_.layers.size();
    line["hidden"] = config_.hidden_size;
    line["copy_gb_per_s"] = 1e-9 * bandwidth_;
    line["device"] = device_.str();
    line["graphs"] = uses_graphs_;
    std::cout << line.dump() << std::endl;
  }

  ModelConfig config_;
  std::int64_t context_;
  at::Device device_;
  bool uses_graphs_;
  double bandwidth_;
  ParameterStore store_;
  Decoder decoder_;
};

void run(const Words& words) {
  const at::Device device = words.device(3);
  ModelConfig config = words.model(0);
  const auto layers = static_cast<std::size_t>(words.number(1, 100'000));
  config.layers.resize(std::min(config.layers.size(), layers));
  Bars bars(config, words.number(2, 4096), device, words.at(4, "no") == "graphs");
  if (config.linear_attention) bars.delta_step(48);
  bars.decode("G1", 8, 7.0);
  bars.decode("G2", 48, 13.0);
  bars.decode("G3", 128, 22.0);
}

}  // namespace
}  // namespace polaris::nn

int main(int argc, char** argv) {
  return polaris::nn::exit_code_of("gpu_decode",
                                   [&] { polaris::nn::run(polaris::nn::Words(argc, argv)); });
}
