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
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "nn/cuda/decode_delta_blocks.h"
#include "nn/internal/row_ops.h"
#include "nn/internal/run_blocks.h"
#include "nn/internal/slot_writer.h"
#include "weights/model_config.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kLook = 8, kSteps = 128;

void finish(at::Device device) {
  if (device.is_cuda())
    c10::impl::getDeviceGuardImpl(device.type())->synchronizeDevice(device.index());
}

/// Seconds of the median of some runs behind one that warms up.
template <class Work>
double seconds(at::Device device, const Work& work, int runs = 9) {
  std::vector<double> times;
  for (int i = 0; i <= runs; ++i) {
    finish(device);
    const auto begin = std::chrono::steady_clock::now();
    work();
    finish(device);
    times.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  times.erase(times.begin());
  std::ranges::nth_element(times, times.begin() + runs / 2);
  return times[static_cast<std::size_t>(runs / 2)];
}

/// Bytes read and written per second by a copy that no cache holds.
double copy_bandwidth(at::Device device) {
  const std::int64_t bytes = device.is_cuda() ? std::int64_t{1} << 31 : std::int64_t{1} << 26;
  const at::Tensor from = at::zeros({bytes}, at::TensorOptions().device(device).dtype(at::kByte));
  at::Tensor to = at::empty_like(from);
  return 2.0 * static_cast<double>(bytes) / seconds(device, [&] { to.copy_(from); });
}

/// N(0, 0.02^2); A_log = log U(0.01, 16), dt_bias 1 and norms that leave rows as they are.
void initialise(const ParameterStore& store, const ModelConfig& config) {
  at::manual_seed(1);
  const c10::NoGradGuard no_graph;
  for (const Parameter& parameter : store.layout().parameters()) {
    at::Tensor value = store.weight(parameter.name).value;
    const bool is_gated_norm = parameter.name.ends_with("linear_attn.norm.weight");
    if (parameter.name.ends_with("A_log")) {
      value.uniform_(0.01, 16.0).log_();
    } else if (parameter.name.ends_with("dt_bias") || is_gated_norm) {
      value.fill_(1.0);
    } else if (parameter.name.ends_with("norm.weight")) {
      value.fill_(config.zero_centred_norms() ? 0.0 : 1.0);
    } else {
      value.normal_(0.0, 0.02);
    }
  }
}

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
    std::vector<TokenId> prompt;
    for (std::int64_t i = 0; i < context_; ++i)
      prompt.push_back(static_cast<TokenId>(i * 7919 % config_.vocab_size));
    writer.begin(0, prompt);
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

int run(const std::vector<std::string>& words) {
  const auto word = [&](std::size_t i, std::string otherwise) {
    return i < words.size() ? words[i] : std::move(otherwise);
  };
  const at::Device device =
      word(3, "cuda") == "cpu" ? at::Device(at::kCPU) : at::Device(at::kCUDA, 0);
  if (device.is_cuda() && !at::hasCUDA())
    throw Error(ErrorCode::kInvalidConfig,
                "these are bars of a GPU, and no CUDA device can be used here");
  ModelConfig config = read_model_config(
      word(0, std::string(POLARIS_SOURCE_DIR) + "/assets/architectures/qwen3.5-9b.json"));
  const auto layers = static_cast<std::size_t>(std::stoul(word(1, "100000")));
  config.layers.resize(std::min(config.layers.size(), layers));
  Bars bars(config, std::stol(word(2, "4096")), device, word(4, "no") == "graphs");
  if (config.linear_attention) bars.delta_step(48);
  bars.decode("G1", 8, 7.0);
  bars.decode("G2", 48, 13.0);
  bars.decode("G3", 128, 22.0);
  return 0;
}

}  // namespace
}  // namespace polaris::nn

int main(int argc, char** argv) {
  try {
    return polaris::nn::run({argv + 1, argv + argc});
  } catch (const polaris::Error& error) {
    std::cerr << "gpu_decode: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "gpu_decode: " << error.what() << '\n';
    return 70;
  }
}
