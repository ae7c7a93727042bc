// Key lists of policy_config.h and learner_config.h.

#include <algorithm>

#include "base/error.h"
#include "nn/learner_config.h"
#include "nn/policy_config.h"

namespace polaris {

std::vector<std::string> enum_names(ComputeDtype) { return {"auto", "float32", "bfloat16"}; }
std::vector<std::string> enum_names(SaveDtype) { return {"as_loaded", "float32", "bfloat16"}; }
std::vector<std::string> enum_names(MasterDtype) { return {"auto", "split", "float32"}; }
std::vector<std::string> enum_names(MomentDtype) { return {"auto", "float32", "bfloat16", "int8"}; }
std::vector<std::string> enum_names(AccumulateWhen) { return {"when_complete", "as_scored"}; }
std::vector<std::string> enum_names(Backend) { return {"auto", "gloo", "nccl"}; }

void LoraConfig::fields(FieldList& list) {
  const bool is_given = !adapter.empty();
  const auto* off = is_given ? "model.lora.adapter has its own" : "model.lora.enabled = false";
  const bool unused = is_given || !enabled;
  list("enabled", enabled, "train low-rank adapters instead of all weights");
  list("rank", rank, "of every adapter",
       unused_if(unused, off, between(1, 4096, "a rank above the layer's width adds nothing")));
  list("alpha", alpha, "an adapter is scaled by alpha / rank",
       unused_if(unused, off, above(0, "a scale of 0 would switch the adapter off")));
  list("targets", targets, "names of the projections that get an adapter, or all-linear",
       unused_if(unused, off));
  list("adapter", adapter,
       "PEFT folder with an adapter that the model starts with, to go on with its training or to "
       "write with it; empty: a new one");
}

void PolicyConfig::fields(FieldList& list) {
  list("path", path, "HF checkpoint folder");
  list("compute_dtype", compute_dtype,
       "arithmetic of forward and backward; auto: float32 on CPU, bfloat16 on GPU");
  list("chat_template", chat_template,
       "auto: known by the SHA-256 of the model's own; or qwen3_5 | chatml | llama3 | llama3.1 | "
       "mistral-v3 | mistral-v3-tekken | mistral-v7-tekken");
  list("system_message", system_message, "inserted when a conversation has none");
  list("save_dtype", save_dtype, "of checkpoints");
  list("thinking", thinking, "let the model plan inside a thinking block first");
  list("lora", lora, "low-rank adapters");
}

void OptimizerConfig::fields(FieldList& list) {
  list("lr", lr, "learning rate", {.range = above(0, "at 0 nothing is trained")});
  list("betas", betas, "decay of the first and second moment",
       {.range = between(0, 1, "they are averaging factors")});
  list("eps", eps, "added to the root of the second moment",
       {.range = above(0, "it keeps a zero moment from dividing by zero")});
  list("weight_decay", weight_decay, "decoupled, on all parameters",
       {.range = at_least(0, "a negative decay lets weights grow")});
  list("max_grad_norm", max_grad_norm, "global L2 norm the gradient is clipped to",
       {.range = above(0, "at 0 every gradient would vanish")});
  list("schedule", schedule, "of the learning rate after warm-up");
  list("warmup_steps", warmup_steps, "steps over which the learning rate rises",
       {.range = at_least(0, "it counts steps")});
  list("master", master,
       "weights the update is added to; auto: split under bfloat16 compute, float32 otherwise");
  list("moments", moments, "storage of the moments; auto: what the memory plan allows");
}

void OptimizerConfig::validate() const {
  if (betas[0] >= 1.0 || betas[1] >= 1.0)
    throw Error(ErrorCode::kInvalidConfig,
                "optimizer.betas must lie below 1: at 1 a moment never moves");
}

void LearnerConfig::fields(FieldList& list) {
  list("microbatch_tokens", microbatch_tokens,
       "tokens of one forward and backward; 0 = from the memory plan",
       changeable(at_least(0, "it counts tokens")));
  list("recompute", recompute, "recompute each layer in the backward pass to save memory");
  list("accumulate", accumulate, "when gradient work starts; the result is the same");
}

void DistributedConfig::fields(FieldList& list) {
  list("backend", backend, "of the collectives; auto: nccl on GPUs, gloo on CPUs", changeable());
  list("timeout_s", timeout_s, "seconds until a silent rank ends the run",
       changeable(above(0, "a collective needs time")));
}

void DeviceConfig::fields(FieldList& list) {
  list("name", name, "auto | cpu | cuda:N", changeable());
  list("threads", threads, "CPU threads; 0 = all cores",
       changeable(between(0, 4096, "it counts threads")));
  list("memory_fraction", memory_fraction, "share of the device's memory that may be planned for",
       changeable(Range{0, 1, false, "it is a share"}));
}

void DeviceConfig::validate() const {
  const bool is_cuda =
      name == "cuda" ||
      (name.starts_with("cuda:") && name.size() > 5 && name.size() < 9 &&
       std::ranges::all_of(name.substr(5), [](char c) { return '0' <= c && c <= '9'; }));
  if (name != "auto" && name != "cpu" && !is_cuda)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("device.name is \"{}\"; write auto, cpu or cuda:N", name));
}

}  // namespace polaris
