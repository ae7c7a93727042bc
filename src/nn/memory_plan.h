// How much memory a model needs on a device, before anything is loaded: pure arithmetic from shapes
// (specs/performance.md C.2, D.4, D.5). GB are 1e9 bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/learner_config.h"
#include "nn/policy_config.h"
#include "weights/lora.h"
#include "weights/model_config.h"

namespace polaris {

enum class DeviceKind { kCpu, kCuda };

/// The memory that one rank has to itself.
struct PlanDevice {
  DeviceKind kind = DeviceKind::kCpu;
  std::int64_t bytes = 0;
  double memory_fraction = 0.92;  ///< the rest is left to the system, contexts and fragmentation

  std::int64_t usable() const;
};

/// Texts that are to be written side by side if there is room, by all ranks together.
struct SamplingLoad {
  std::int64_t prompts = 0;
  std::int64_t samples = 1;          ///< of each prompt, which is read once for all of them
  std::int64_t prompt_tokens = 0;    ///< of the longest
  std::int64_t response_tokens = 0;  ///< of the longest

  std::int64_t tokens() const { return prompt_tokens + response_tokens; }
};

/// What is to be planned. An absent number is chosen.
struct MemoryRequest {
  ModelConfig model;
  std::optional<LoraLayout> lora;  ///< adapters that are trained in the place of the weights
  PlanDevice device;
  std::int64_t ranks = 1;  ///< data parallel; optimizer state is divided among them (ZeRO-1)
  ComputeDtype compute = ComputeDtype::kAuto;
  MasterDtype master = MasterDtype::kAuto;
  MomentDtype moments = MomentDtype::kAuto;
  bool recompute = true;                          ///< of every layer in the backward pass
  std::optional<std::int64_t> microbatch_tokens;  ///< at least the longest sequence counts
  std::optional<std::int64_t> slots;              ///< sequences written side by side on one rank
  bool samples_locally = true;                    ///< false: a server writes the rollouts
  std::optional<Dtype> sampler_dtype;  ///< of a CPU sampler's weights; absent: the compute type
  SamplingLoad rollout;
  std::optional<SamplingLoad> validation;
};

enum class PlanPhase {
  kUpdate,      ///< forward, backward, optimizer
  kRollout,     ///< the stories of one step, optimizer state kept
  kValidation,  ///< the held-out stories, likewise
  kSampling,    ///< writing alone, on one rank, without anything that training needs
};
std::string_view phase_name(PlanPhase phase);

enum class PlanItem {
  kWeights,           ///< in the compute type
  kAdapters,          ///< likewise
  kMaster,            ///< the 16 bits that a bfloat16 weight lacks, or float32 copies; divided
  kGradients,         ///< float32
  kMoments,           ///< both, divided among the ranks. All three of what is trained
  kSamplerWeights,    ///< a CPU sampler's own, packed for its kernels
  kCheckpoints,       ///< the input of every layer
  kSavedLayers,       ///< without recomputation: what all layers keep for the backward pass
  kLiveLayer,         ///< one layer forward and backward
  kHead,              ///< a tile of logits with its gradient, and the rows that it reads
  kPrefill,           ///< one layer over the prompts
  kKeyValues,         ///< [slots, tokens, key-value heads, head_dim] twice per full attention layer
  kDeltaState,        ///< [slots, value heads, K, V] float32 per linear attention layer
  kConvolutionState,  ///< [slots, taps, channels] per linear attention layer
  kLogits,            ///< [slots, vocabulary] float32 and one bit per token for penalties
};
std::string_view item_name(PlanItem item);

struct PlannedItem {
  PlanItem item;
  std::int64_t bytes;
};

struct PhasePlan {
  PlanPhase phase;
  std::vector<PlannedItem> items;
  std::optional<std::int64_t> slots;  ///< absent in kUpdate

  std::int64_t total() const;
  std::optional<std::int64_t> bytes_of(PlanItem item) const;
};

/// A change of the request, tried.
struct Remedy {
  std::string change;        ///< "optimizer.moments = bfloat16"
  std::int64_t saved_bytes;  ///< from the peak of training
  bool is_enough;            ///< training fits with this change alone
};

/// Where the bytes go, and what was chosen. No choice is kAuto or absent any more.
struct MemoryPlan {
  PlanDevice device;
  std::int64_t ranks = 1;
  std::int64_t parameters = 0;
  std::int64_t trained = 0;  ///< parameters of the adapters, or all
  ComputeDtype compute = ComputeDtype::kAuto;
  MasterDtype master = MasterDtype::kAuto;
  MomentDtype moments = MomentDtype::kAuto;
  std::int64_t microbatch_tokens = 0;
  std::int64_t head_rows = 0;  ///< rows of a tile of logits in the update (B.2)
  std::vector<PhasePlan> phases;
  std::vector<Remedy> remedies;  ///< where training does not fit; what is enough comes first

  /// @return null for a phase that does not occur
  const PhasePlan* find(PlanPhase phase) const;
  bool fits(const PhasePlan& phase) const { return phase.total() <= device.usable(); }
  /// The fullest phase of training.
  const PhasePlan& peak() const;
  bool training_fits() const { return fits(peak()); }
};

/// Chooses what is left open: the widest moments that fit (float32, then bfloat16; int8 only if
/// asked for), then the largest micro-batch, then the larger tile of logits, then as many slots as
/// there are sequences for; all in a way that at least half of the sequences are written side by
/// side, if any way does. Where nothing fits, the plan is the leanest one and has remedies.
///
/// Nothing is placed on the host in the place of a device, no space is used for two purposes in
/// turn besides the transients of a phase, and no buffers of collectives are counted.
/// @throws Error{kInvalidConfig} for settings that this version cannot follow
MemoryPlan plan_memory(const MemoryRequest& request);

/// @throws Error{kOutOfMemory} naming what is needed, what there is, and what would help, if
///         training does not fit
void require_fit(const MemoryPlan& plan);

}  // namespace polaris
