#include "app/plan_request.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "app/this_machine.h"
#include "base/error.h"
#include "train/run_config.h"

namespace polaris {
namespace {

Error refused(std::string_view text, std::string_view reason) {
  return {ErrorCode::kInvalidConfig,
          fmt::format("--plan-for is \"{}\": {}; write auto, cuda:80GB or cpu:24GB", text, reason)};
}

/// "80GB", "79.2GiB". Nothing for anything else.
std::optional<double> parse_bytes(std::string_view text) {
  double number = 0.0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc()) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit == "GB") return number * 1e9;
  if (unit == "GiB") return number * 0x1p30;
  return std::nullopt;
}

PlanTarget this_machine(const DeviceConfig& config, std::int64_t ranks) {
  PlanTarget target{.device = {.memory_fraction = config.memory_fraction}};
  if (config.name != "cpu") {
    const std::size_t colon = config.name.find(':');
    const int index = colon == std::string::npos ? 0 : std::stoi(config.name.substr(colon + 1));
    if (const auto gpu = cuda_gpu(index)) {
      target.device.kind = DeviceKind::kCuda;
      target.device.bytes = gpu->bytes;
      target.name = "this machine's " + gpu->name;
      return target;
    }
    if (config.name != "auto")
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("device.name is {}, and this machine has no such device; say what "
                              "to plan for, for example --plan-for cuda:80GB",
                              config.name));
  }
  target.device.bytes = host_memory_bytes() / ranks;
  target.name = ranks == 1 ? "this machine's memory" : "a rank's part of this machine's memory";
  return target;
}

/// Far above anything that can be planned, and small enough to be added.
std::int64_t bounded(std::int64_t tokens) { return std::min(tokens, std::int64_t{1} << 40); }

std::optional<std::int64_t> unless_zero(std::int64_t number) {
  return number == 0 ? std::nullopt : std::optional(bounded(number));
}

std::optional<Dtype> sampler_dtype(RolloutDtype dtype) {
  switch (dtype) {
    case RolloutDtype::kAuto:
      return std::nullopt;
    case RolloutDtype::kFloat32:
      return Dtype::kF32;
    case RolloutDtype::kBfloat16:
      return Dtype::kBF16;
    case RolloutDtype::kInt8:
      return Dtype::kI8;
  }
  return std::nullopt;
}

/// An adapter that is given counts as one of the configured size: what matters is that it is small.
std::optional<LoraLayout> trained_adapters(const LoraConfig& lora, const ModelConfig& model) {
  if (!lora.enabled) return std::nullopt;
  return make_lora_layout(model, lora.rank, lora.alpha, lora.targets);
}

}  // namespace

PlanTarget parse_plan_target(std::string_view text, const DeviceConfig& device,
                             std::int64_t ranks) {
  if (text == "auto") return this_machine(device, ranks);
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (kind != "cuda" && kind != "cpu") throw refused(text, "this kind of device is not known");
  if (colon == text.npos) throw refused(text, "its memory is missing");
  const auto bytes = parse_bytes(text.substr(colon + 1));
  if (!bytes) throw refused(text, "its memory must be a number of GB or GiB");
  if (!(*bytes >= 1e6 && *bytes <= 1e15)) throw refused(text, "no device has that much memory");
  return {{.kind = kind == "cuda" ? DeviceKind::kCuda : DeviceKind::kCpu,
           .bytes = static_cast<std::int64_t>(*bytes),
           .memory_fraction = device.memory_fraction},
          std::string(kind)};
}

MemoryRequest memory_request(const RunConfig& config, const ModelConfig& model,
                             const PlanDevice& device, std::int64_t ranks) {
  // Where references are injected, one member of every group is not written by the model.
  const std::int64_t references = config.hri.enabled ? 1 : 0;
  MemoryRequest request{.model = model,
                        .lora = trained_adapters(config.model.lora, model),
                        .device = device,
                        .ranks = ranks,
                        .compute = config.model.compute_dtype,
                        .master = config.optimizer.master,
                        .moments = config.optimizer.moments,
                        .recompute = config.learner.recompute,
                        .microbatch_tokens = unless_zero(config.learner.microbatch_tokens),
                        .slots = unless_zero(config.rollout.slots),
                        .samples_locally = config.rollout.engine == EngineKind::kLocal,
                        .sampler_dtype = sampler_dtype(config.rollout.weight_dtype),
                        .rollout = {.prompts = config.data.prompts_per_step,
                                    .samples = config.rollout.group_size - references,
                                    .prompt_tokens = bounded(config.data.max_prompt_tokens),
                                    .response_tokens = bounded(config.data.max_response_tokens)}};
  if (config.train.validate_every > 0 || config.train.validate_first) {
    // How many there are is the data file's to say; as many side by side as in a step.
    request.validation = request.rollout;
    request.validation->response_tokens = bounded(config.validation.max_new_tokens);
  }
  return request;
}

}  // namespace polaris
