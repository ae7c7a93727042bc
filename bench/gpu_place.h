// Where gpu_train measures, and the lines that it prints.
#pragma once

#include <ATen/ops/empty_like.h>
#include <ATen/ops/randn.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string_view>

#include "base/available_memory.h"
#include "base/json.h"
#include "gpu_bars.h"
#include "gpu_work.h"
#include "nn/internal/gemm.h"
#include "nn/memory_plan.h"

namespace polaris::nn {

/// What F wants.
struct Target {
  double scale;                  ///< arithmetic of what was done, by that of F's shape
  std::optional<double> stage1;  ///< seconds, for F's shape
  double final;                  ///< likewise
};

/// A bar of F, and what was measured.
struct Bar {
  const char* name;
  std::string_view unit;  ///< s, ms or tok/s
  Texts texts;
  double seconds;
  double bound;  ///< seconds
  Target target;
};

/// FLOP per second of a large product of bfloat16.
inline double gemm_rate(at::Device device) {
  const std::int64_t size = device.is_cuda() ? 8192 : 1024;
  const auto options = at::TensorOptions().device(device).dtype(at::kBFloat16);
  const at::Tensor a = at::randn({size, size}, options), b = at::randn({size, size}, options);
  const at::Tensor c = at::empty_like(a);
  const double time = seconds(device, [&] { gemm_nt(c, a, b); });
  return 2.0 * static_cast<double>(size * size * size) / time;
}

/// A device and the part of a model that is trained on it.
class Place {
 public:
  /// @param layers  of the model; nothing: as many as the memory plan finds room for
  Place(at::Device device, const ModelConfig& model, std::optional<std::int64_t> layers)
      : device_(device),
        bandwidth_(copy_bandwidth(device)),
        gemm_rate_(nn::gemm_rate(device)),
        config_(model),
        all_layers_(model.layers.size()) {
    if (layers) config_.layers.resize(std::min(all_layers_, static_cast<std::size_t>(*layers)));
    plan_ = plan_memory(request());
    while (!layers && config_.layers.size() > 1 && !plan_.fits(update_plan())) {
      config_.layers.pop_back();
      plan_ = plan_memory(request());
    }
    parameters_ = ParameterLayout(config_).size();
    print({{"bar", "rates"},
           {"copy_gb_per_s", 1e-9 * bandwidth_},
           {"gemm_tflop_per_s", 1e-12 * gemm_rate_}});
  }

  at::Device device() const { return device_; }
  double bandwidth() const { return bandwidth_; }  ///< bytes per second
  double gemm_rate() const { return gemm_rate_; }  ///< FLOP per second
  const ModelConfig& config() const { return config_; }
  std::int64_t head_rows() const { return plan_.head_rows; }
  const PhasePlan& update_plan() const { return *plan_.find(PlanPhase::kUpdate); }

  /// Texts of F. A CPU, which only tries the program out, gets a 32nd of each.
  Texts texts(std::int64_t count, std::int64_t length) const {
    return {count, device_.is_cuda() ? length : length / 32};
  }

  /// @pre  a GPU
  c10::DeviceAllocator& allocator() const { return *c10::getDeviceAllocator(device_.type()); }

  void print(Json line, const Texts& texts = {}) const {
    Json& shape = line["shape"] = {{"layers", config_.layers.size()},
                                   {"of_layers", all_layers_},
                                   {"hidden", config_.hidden_size},
                                   {"parameters", parameters_}};
    if (texts.count > 0) {
      shape["sequences"] = texts.count;
      shape["tokens_each"] = texts.length;
    }
    line["device"] = device_.str();
    std::cout << line.dump() << std::endl;
  }

  void print(const Bar& bar) const {
    const auto in_unit = [&](double seconds) {
      if (bar.unit == "tok/s") return static_cast<double>(bar.texts.tokens()) / seconds;
      return bar.unit == "ms" ? 1e3 * seconds : seconds;
    };
    const auto& [scale, stage1, final] = bar.target;
    print({{"bar", bar.name},
           {"value", in_unit(bar.seconds)},
           {"unit", bar.unit},
           {"bound", in_unit(bar.bound)},
           {"ratio", bar.bound / bar.seconds},
           {"target_stage1", stage1 ? Json(in_unit(*stage1 * scale)) : Json()},
           {"target_final", in_unit(final * scale)},
           {"scale", scale}},
          bar.texts);
  }

 private:
  MemoryRequest request() const {
    PlanDevice memory{.kind = DeviceKind::kCpu,
                      .bytes = available_memory_bytes().value_or(std::int64_t{1} << 40)};
    if (device_.is_cuda()) {
      const std::size_t bytes = allocator().getMemoryInfo(device_.index()).second;
      memory = {.kind = DeviceKind::kCuda, .bytes = static_cast<std::int64_t>(bytes)};
    }
    const Texts two = texts(2, 8448);
    return {.model = config_,
            .device = memory,
            .compute = ComputeDtype::kBfloat16,
            .moments = MomentDtype::kBfloat16,
            .microbatch_tokens = two.tokens(),
            .samples_locally = false,
            .rollout = {.prompts = 1, .prompt_tokens = 1, .response_tokens = two.length - 1}};
  }

  at::Device device_;
  double bandwidth_, gemm_rate_;
  ModelConfig config_;
  std::size_t all_layers_;
  MemoryPlan plan_;
  std::int64_t parameters_ = 0;
};

}  // namespace polaris::nn
