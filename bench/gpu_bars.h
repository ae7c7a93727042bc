// What the programs share that measure the bars of a GPU (specs/performance.md F): gpu_decode and
// gpu_train, which print a line of JSON for each.
#pragma once

#include <ATen/Context.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/token_id.h"
#include "nn/internal/parameter_store.h"
#include "nn/internal/torch_errors.h"
#include "weights/model_config.h"

namespace polaris::nn {

/// The command line.
class Words {
 public:
  Words(int argc, char** argv) : words_(argv + 1, argv + argc) {}

  std::string at(std::size_t i, std::string otherwise) const {
    return i < words_.size() ? words_[i] : std::move(otherwise);
  }

  std::int64_t number(std::size_t i, std::int64_t otherwise) const {
    const std::string word = at(i, std::to_string(otherwise));
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (failure != std::errc() || end != word.data() + word.size() || number < 1)
      throw Error(ErrorCode::kInvalidConfig, "\"" + word + "\" is not a number of at least 1");
    return number;
  }

  /// "cuda", the first one, or "cpu".
  at::Device device(std::size_t i) const {
    const std::string word = at(i, "cuda");
    if (word == "cpu") return at::kCPU;
    if (word != "cuda")
      throw Error(ErrorCode::kInvalidConfig, "\"" + word + "\" is no device; write cuda or cpu");
    if (!at::hasCUDA())
      throw Error(ErrorCode::kInvalidConfig,
                  "these are bars of a GPU, and no CUDA device can be used here");
    return {at::kCUDA, 0};
  }

  ModelConfig model(std::size_t i) const {
    return read_model_config(
        at(i, std::string(POLARIS_SOURCE_DIR) + "/assets/architectures/qwen3.5-9b.json"));
  }

 private:
  std::vector<std::string> words_;
};

/// The body of main().
template <class Run>
int exit_code_of(const char* program, const Run& run) {
  try {
    translating("measuring", "give fewer LAYERS", run);
    return 0;
  } catch (const Error& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return 70;
  }
}

inline void finish(at::Device device) {
  if (device.is_cuda())
    c10::impl::getDeviceGuardImpl(device.type())->synchronizeDevice(device.index());
}

/// Seconds that `work` takes: the median of five behind two that warm up; where that is seconds,
/// one behind one.
template <class Work>
double seconds(at::Device device, const Work& work) {
  const auto once = [&] {
    finish(device);
    const auto begin = std::chrono::steady_clock::now();
    work();
    finish(device);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  once();
  const double second = once();
  if (second > 1.0) return second;
  std::array<double, 5> times{};
  std::ranges::generate(times, once);
  std::ranges::nth_element(times, times.begin() + 2);
  return times[2];
}

/// Bytes read and written per second by a copy that no cache holds.
inline double copy_bandwidth(at::Device device) {
  const std::int64_t bytes = device.is_cuda() ? std::int64_t{1} << 31 : std::int64_t{1} << 26;
  const at::Tensor from = at::zeros({bytes}, at::TensorOptions().device(device).dtype(at::kByte));
  at::Tensor to = at::empty_like(from);
  return 2.0 * static_cast<double>(bytes) / seconds(device, [&] { to.copy_(from); });
}

/// N(0, 0.02^2); A_log = log U(0.01, 16), dt_bias 1 and norms that leave rows as they are.
inline void initialise(const ParameterStore& store, const ModelConfig& config) {
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

inline std::vector<TokenId> some_text(std::int64_t tokens, std::int64_t vocabulary) {
  std::vector<TokenId> text;
  for (std::int64_t i = 0; i < tokens; ++i)
    text.push_back(static_cast<TokenId>(i * 7919 % vocabulary));
  return text;
}

}  // namespace polaris::nn
