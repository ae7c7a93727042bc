#include "nn/memory_plan.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/error.h"
#include "nn/internal/memory_remedies.h"
#include "nn/layer_memory.h"
#include "weights/expected_tensors.h"

namespace polaris {
namespace {

constexpr std::int64_t kFloat32 = 4;
constexpr std::int64_t kGigabyte = 1'000'000'000;
constexpr std::int64_t kFewestHeadRows = 512;  // below, the head's gradient is moved too often, B.2
constexpr std::int64_t kPrefillTokens = 16'384;  // of one call, specs/performance.md C.3
// Micro-batches below make kernels start more often than they compute (D.1).
constexpr std::int64_t kEfficientTokensCuda = 16'384;
constexpr std::int64_t kEfficientTokensCpu = 2'048;

/// Stops at 1e17 bytes, which no machine has: sums of what an absurd configuration asks for stay
/// numbers.
std::int64_t product(std::initializer_list<std::int64_t> factors) {
  double result = 1.0;
  for (const std::int64_t factor : factors) result *= static_cast<double>(factor);
  return static_cast<std::int64_t>(std::min(result, 1e17));
}

std::int64_t divided(std::int64_t amount, std::int64_t parts) {
  return (amount + parts - 1) / parts;
}

/// Of one rank, rounded up.
std::int64_t sequences(const SamplingLoad& load, std::int64_t ranks) {
  return std::max<std::int64_t>(divided(product({load.prompts, load.samples}), ranks), 1);
}

/// What may be chosen in steps.
struct Sizes {
  std::int64_t microbatch_tokens;
  std::int64_t head_rows;
};

/// The request with its types settled, and what does not depend on moments, micro-batch and slots.
class Planner {
 public:
  explicit Planner(const MemoryRequest& request)
      : request_(request),
        model_(request.model),
        on_cpu_(request.device.kind == DeviceKind::kCpu),
        parameters_(parameter_count(request.model)),
        trained_(request.lora ? request.lora->parameter_count() : parameters_) {
    POLARIS_CHECK(request.ranks > 0 && request.device.bytes > 0, "nothing to plan for");
    settle_types();
    width_ = compute_ == ComputeDtype::kFloat32 ? kFloat32 : 2;
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      const LayerKind kind = model_.layers[i];
      LayerMemory layer = layer_memory(model_, kind, width_);
      if (request.lora) layer += adapter_memory(*request.lora, i, width_);
      saved_ += layer.saved;
      live_ = std::max(live_, layer.peak);
      live_beyond_saved_ = std::max(live_beyond_saved_, layer.peak - layer.saved);
      inference_ = std::max(inference_, layer.inference);
      (kind == LayerKind::kLinearAttention ? linear_layers_ : attention_layers_) += 1;
    }
  }

  std::vector<MomentDtype> moment_choices() const {
    if (request_.moments == MomentDtype::kAuto)
      return {MomentDtype::kFloat32, MomentDtype::kBfloat16};
    return {request_.moments};
  }

  /// From the fastest to the leanest. The longest sequence is never cut, so a micro-batch has at
  /// least its length; two of them keep a GPU's delta rule busy (specs/performance.md A.8).
  std::vector<Sizes> size_choices() const {
    const std::int64_t longest = request_.rollout.tokens();
    const std::int64_t rows = most_head_rows();
    std::vector<Sizes> choices = {{std::max(2 * longest, kEfficientTokensCuda), rows},
                                  {std::max(longest, kEfficientTokensCuda / 2), rows},
                                  {longest, rows}};
    if (on_cpu_) choices = {{std::max(longest, kEfficientTokensCpu), rows}, {longest, rows}};
    if (request_.microbatch_tokens)
      choices = {{std::max(*request_.microbatch_tokens, longest), rows}};
    choices.push_back({choices.back().microbatch_tokens, std::min(rows, kFewestHeadRows)});
    return choices;
  }

  /// Sequences that one rank writes at a time if there is room.
  std::int64_t wanted_slots() const { return sequences(request_.rollout, request_.ranks); }

  MemoryPlan plan(MomentDtype moments, const Sizes& sizes) const {
    MemoryPlan plan{.device = request_.device,
                    .ranks = request_.ranks,
                    .parameters = parameters_,
                    .trained = trained_,
                    .compute = compute_,
                    .master = master_,
                    .moments = moments,
                    .microbatch_tokens = sizes.microbatch_tokens,
                    .head_rows = sizes.head_rows};
    const std::vector<PlannedItem> kept = kept_items(moments);
    plan.phases.push_back({PlanPhase::kUpdate, update_items(kept, sizes)});
    if (request_.samples_locally) {
      plan.phases.push_back(
          sampling_phase(PlanPhase::kRollout, kept, request_.rollout, request_.ranks));
      if (request_.validation)
        plan.phases.push_back(
            sampling_phase(PlanPhase::kValidation, kept, *request_.validation, request_.ranks));
    }
    const std::vector<PlannedItem> alone =
        on_cpu_ ? std::vector{sampler_weights()} : weights_of_policy();
    plan.phases.push_back(sampling_phase(PlanPhase::kSampling, alone, request_.rollout, 1));
    return plan;
  }

 private:
  void settle_types() {
    const auto refuse = [](const char* message) {
      throw Error(ErrorCode::kInvalidConfig, message);
    };
    compute_ = request_.compute;
    if (compute_ == ComputeDtype::kAuto)
      compute_ = on_cpu_ ? ComputeDtype::kFloat32 : ComputeDtype::kBfloat16;
    const bool narrow = compute_ == ComputeDtype::kBfloat16;
    master_ = request_.master;
    if (master_ == MasterDtype::kAuto)
      master_ = narrow ? MasterDtype::kSplit : MasterDtype::kFloat32;
    if (master_ == MasterDtype::kSplit && !narrow)
      refuse(
          "optimizer.master = split completes bfloat16 weights, and these are float32; set it to "
          "auto, or model.compute_dtype = bfloat16");
  }

  std::vector<PlannedItem> weights_of_policy() const {
    std::vector<PlannedItem> items = {{PlanItem::kWeights, product({parameters_, width_})}};
    if (request_.lora) items.push_back({PlanItem::kAdapters, product({trained_, width_})});
    return items;
  }

  PlannedItem sampler_weights() const {
    const std::int64_t bits = request_.sampler_dtype
                                  ? static_cast<std::int64_t>(dtype_bits(*request_.sampler_dtype))
                                  : 8 * width_;
    return {PlanItem::kSamplerWeights, product({parameters_, bits}) / 8};
  }

  /// What stays in memory from one phase of training to the next. The few vectors that are kept in
  /// float32 under bfloat16 (D.4) are less than a thousandth and not counted.
  std::vector<PlannedItem> kept_items(MomentDtype moments) const {
    std::vector<PlannedItem> items = weights_of_policy();
    if (compute_ == ComputeDtype::kBfloat16) {
      const std::int64_t width = master_ == MasterDtype::kSplit ? 2 : kFloat32;
      items.push_back({PlanItem::kMaster, divided(product({trained_, width}), request_.ranks)});
    }
    items.push_back({PlanItem::kGradients, product({trained_, kFloat32})});
    items.push_back({PlanItem::kMoments, divided(moment_bytes(moments), request_.ranks)});
    if (on_cpu_ && request_.samples_locally) items.push_back(sampler_weights());
    return items;
  }

  /// 8-bit codes have a scale per block of 256; the few tensors without are not counted.
  std::int64_t moment_bytes(MomentDtype moments) const {
    switch (moments) {
      case MomentDtype::kInt8:
        return product({trained_, 2}) + 2 * kFloat32 * divided(trained_, 256);
      case MomentDtype::kBfloat16:
        return product({trained_, 2, 2});
      default:
        return product({trained_, 2, kFloat32});
    }
  }

  std::vector<PlannedItem> update_items(std::vector<PlannedItem> items, const Sizes& sizes) const {
    const std::int64_t tokens = sizes.microbatch_tokens;
    const auto layers = static_cast<std::int64_t>(model_.layers.size());
    items.push_back(
        {PlanItem::kCheckpoints, product({layers, model_.hidden_size, width_, tokens})});
    if (!request_.recompute) items.push_back({PlanItem::kSavedLayers, product({saved_, tokens})});
    items.push_back(
        {PlanItem::kLiveLayer, product({request_.recompute ? live_ : live_beyond_saved_, tokens})});
    // Logits and their gradient; last hidden rows, normed ones, gradient of the former.
    items.push_back(
        {PlanItem::kHead, product({sizes.head_rows, model_.vocab_size, kFloat32 + width_}) +
                              product({3, model_.hidden_size, width_, tokens})});
    return items;
  }

  /// Rows of a tile of logits in float32: B.2.
  std::int64_t most_head_rows() const {
    if (on_cpu_) {
      constexpr std::int64_t kTileBytes = 64'000'000;
      return std::clamp<std::int64_t>(kTileBytes / (model_.vocab_size * kFloat32), 1, 2048);
    }
    if (request_.device.bytes >= 120 * kGigabyte) return 2048;
    return request_.device.bytes >= 60 * kGigabyte ? 1024 : kFewestHeadRows;
  }

  /// Bytes of an element; decode kernels of the CPU keep float32.
  std::int64_t cache_width() const { return on_cpu_ ? kFloat32 : width_; }

  /// C.2, slotted.
  std::vector<PlannedItem> slot_items(std::int64_t slots, std::int64_t tokens) const {
    std::vector<PlannedItem> items;
    items.push_back(
        {PlanItem::kKeyValues, product({slots, tokens, attention_layers_, 2, model_.key_value_heads,
                                        model_.head_dim, cache_width()})});
    if (linear_layers_ > 0) {
      const LinearAttentionConfig& linear = *model_.linear_attention;
      items.push_back({PlanItem::kDeltaState, product({slots, linear_layers_, linear.value_dim(),
                                                       linear.key_head_dim, kFloat32})});
      items.push_back(
          {PlanItem::kConvolutionState,
           product({slots, linear_layers_, linear.conv_kernel, linear.conv_dim(), cache_width()})});
    }
    items.push_back({PlanItem::kLogits, product({slots, model_.vocab_size, kFloat32}) +
                                            product({slots, model_.vocab_size}) / 8});
    return items;
  }

  PhasePlan sampling_phase(PlanPhase phase, std::vector<PlannedItem> items,
                           const SamplingLoad& load, std::int64_t ranks) const {
    const std::int64_t prompts = divided(load.prompts, ranks);
    const std::int64_t prefill = std::min(product({prompts, load.prompt_tokens}), kPrefillTokens);
    items.push_back({PlanItem::kPrefill, product({inference_, prefill})});
    PhasePlan plan{phase, std::move(items), request_.slots};
    if (!plan.slots) {
      const PhasePlan one{phase, slot_items(1, load.tokens())};
      const std::int64_t room = request_.device.usable() - plan.total();
      plan.slots = std::clamp<std::int64_t>(room / one.total(), 1, sequences(load, ranks));
    }
    for (const PlannedItem& item : slot_items(*plan.slots, load.tokens()))
      plan.items.push_back(item);
    return plan;
  }

  const MemoryRequest& request_;
  const ModelConfig& model_;
  bool on_cpu_;
  std::int64_t parameters_;
  std::int64_t trained_;
  ComputeDtype compute_ = ComputeDtype::kAuto;
  MasterDtype master_ = MasterDtype::kAuto;
  std::int64_t width_ = 0;  // bytes of the compute type
  std::int64_t attention_layers_ = 0;
  std::int64_t linear_layers_ = 0;
  // Bytes per token: of all layers, then of the layer that needs most.
  std::int64_t saved_ = 0;
  std::int64_t live_ = 0;
  std::int64_t live_beyond_saved_ = 0;
  std::int64_t inference_ = 0;
};

MemoryPlan choose(const MemoryRequest& request) {
  const Planner planner(request);
  std::optional<MemoryPlan> plan;
  for (const std::int64_t least_slots : {(planner.wanted_slots() + 1) / 2, std::int64_t{1}}) {
    for (const MomentDtype moments : planner.moment_choices()) {
      for (const Sizes& sizes : planner.size_choices()) {
        plan = planner.plan(moments, sizes);
        const PhasePlan* rollout = plan->find(PlanPhase::kRollout);
        const bool enough_slots =
            rollout == nullptr || request.slots || *rollout->slots >= least_slots;
        if (plan->training_fits() && enough_slots) return *plan;
      }
    }
  }
  return *plan;  // the last one tried is the leanest
}

}  // namespace

std::int64_t PlanDevice::usable() const {
  return static_cast<std::int64_t>(static_cast<double>(bytes) * memory_fraction);
}

std::string_view phase_name(PlanPhase phase) {
  constexpr std::array<std::string_view, 4> kNames = {"update", "rollout", "validation",
                                                      "sampling alone"};
  return kNames.at(static_cast<std::size_t>(phase));
}

std::string_view item_name(PlanItem item) {
  constexpr std::array<std::string_view, 15> kNames = {"weights",
                                                       "adapters",
                                                       "master",
                                                       "gradients",
                                                       "moments",
                                                       "sampler's weights",
                                                       "layer checkpoints",
                                                       "saved by all layers",
                                                       "one live layer",
                                                       "head tile",
                                                       "prefill",
                                                       "key-value cache",
                                                       "delta-rule state",
                                                       "convolution state",
                                                       "logits"};
  return kNames.at(static_cast<std::size_t>(item));
}

std::int64_t PhasePlan::total() const {
  std::int64_t bytes = 0;
  for (const PlannedItem& item : items) bytes += item.bytes;
  return bytes;
}

std::optional<std::int64_t> PhasePlan::bytes_of(PlanItem item) const {
  const auto found = std::ranges::find(items, item, &PlannedItem::item);
  if (found == items.end()) return std::nullopt;
  return found->bytes;
}

const PhasePlan* MemoryPlan::find(PlanPhase phase) const {
  const auto found = std::ranges::find(phases, phase, &PhasePlan::phase);
  return found == phases.end() ? nullptr : &*found;
}

const PhasePlan& MemoryPlan::peak() const {
  const PhasePlan* fullest = &phases.front();
  for (const PhasePlan& phase : phases) {
    if (phase.phase != PlanPhase::kSampling && phase.total() > fullest->total()) fullest = &phase;
  }
  return *fullest;
}

MemoryPlan plan_memory(const MemoryRequest& request) {
  MemoryPlan plan = choose(request);
  if (!plan.training_fits()) plan.remedies = find_remedies(request, plan, choose);
  return plan;
}

}  // namespace polaris
