#include "nn/internal/memory_remedies.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

constexpr std::int64_t kGigabyte = 1'000'000'000;
constexpr std::int64_t kShortestUsefulResponse = 512;  // tokens

std::string gigabytes(std::int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

/// Tries one change after the other and keeps those that save something.
class Trials {
 public:
  Trials(const MemoryRequest& request, const MemoryPlan& plan,
         const std::function<MemoryPlan(const MemoryRequest&)>& choose)
      : request_(request), plan_(plan), choose_(choose) {}

  void try_types() {
    if (plan_.moments == MomentDtype::kFloat32)
      add("optimizer.moments = bfloat16", [](auto& r) { r.moments = MomentDtype::kBfloat16; });
    if (plan_.moments != MomentDtype::kInt8)
      add("optimizer.moments = int8", [](auto& r) { r.moments = MomentDtype::kInt8; });
    if (plan_.compute == ComputeDtype::kFloat32) {
      add("model.compute_dtype = bfloat16", [](auto& r) {
        r.compute = ComputeDtype::kBfloat16;
        r.master = MasterDtype::kSplit;
      });
    } else if (plan_.master == MasterDtype::kFloat32) {
      add("optimizer.master = split", [](auto& r) { r.master = MasterDtype::kSplit; });
    }
  }

  void try_sizes() {
    if (!request_.recompute) add("learner.recompute = true", [](auto& r) { r.recompute = true; });
    const std::int64_t longest = request_.rollout.tokens();
    if (request_.microbatch_tokens.value_or(0) > longest)
      add(fmt::format("learner.microbatch_tokens = {}", longest),
          [&](auto& r) { r.microbatch_tokens = longest; });
    if (request_.slots) {
      MemoryRequest open = request_;
      open.slots.reset();
      const MemoryPlan chosen = choose_(open);
      std::int64_t slots = *request_.slots;
      for (const PhasePlan& phase : chosen.phases) {
        if (phase.slots && phase.phase != PlanPhase::kSampling)
          slots = std::min(slots, *phase.slots);
      }
      add(fmt::format("rollout.slots = {}", slots), [&](auto& r) { r.slots = slots; });
    }
    const bool has_validation = request_.validation.has_value();
    if (has_validation &&
        add_shorter("validation.max_new_tokens", request_.validation->response_tokens,
                    [](auto& r, auto tokens) { r.validation->response_tokens = tokens; }))
      return;
    add_shorter(has_validation ? "data.max_response_tokens and validation.max_new_tokens"
                               : "data.max_response_tokens",
                request_.rollout.response_tokens, [](auto& r, auto tokens) {
                  r.rollout.response_tokens = tokens;
                  if (r.validation)
                    r.validation->response_tokens = std::min(tokens, r.validation->response_tokens);
                });
  }

  void try_machines() {
    for (std::int64_t ranks = request_.ranks + 1; ranks <= 64; ++ranks) {
      const auto spread = [&](auto& r) { r.ranks = ranks; };
      if (!is_enough(spread)) continue;
      add(fmt::format("{} ranks", ranks), spread);
      break;
    }
    const double fraction = plan_.device.memory_fraction;
    const double least = static_cast<double>(plan_.peak().total()) / fraction / kGigabyte;
    // A larger device is also planned for in larger pieces, so the first guess may be too small.
    for (auto size = static_cast<std::int64_t>(least) + 1;
         static_cast<double>(size) < 2 * least + 1; ++size) {
      const auto enlarge = [&](auto& r) { r.device.bytes = size * kGigabyte; };
      if (!is_enough(enlarge)) continue;
      add(request_.ranks == 1 ? fmt::format("a device of {} GB", size)
                              : fmt::format("{} GB on each of the {} ranks", size, request_.ranks),
          enlarge);
      break;
    }
  }

  void try_adapters() {
    if (request_.lora) return;
    const LoraConfig usual;
    add("model.lora.enabled = true", [&](auto& r) {
      r.lora = make_lora_layout(r.model, usual.rank, usual.alpha, usual.targets);
    });
  }

  std::vector<Remedy> take() {
    std::stable_partition(remedies_.begin(), remedies_.end(),
                          [](const Remedy& remedy) { return remedy.is_enough; });
    return std::move(remedies_);
  }

 private:
  template <class Change>
  MemoryPlan changed(const Change& change) const {
    MemoryRequest request = request_;
    change(request);
    return choose_(request);
  }

  template <class Change>
  bool is_enough(const Change& change) const {
    return changed(change).training_fits();
  }

  /// Halves a length until training fits. @return whether there is such a length
  template <class SetTokens>
  bool add_shorter(std::string_view keys, std::int64_t tokens, const SetTokens& set) {
    for (tokens /= 2; tokens >= kShortestUsefulResponse; tokens /= 2) {
      const auto shorten = [&](auto& r) { set(r, tokens); };
      if (!is_enough(shorten)) continue;
      add(fmt::format("{} = {}", keys, tokens), shorten);
      return true;
    }
    return false;
  }

  template <class Change>
  void add(std::string text, const Change& change) {
    const MemoryPlan plan = changed(change);
    const std::int64_t saved = plan_.peak().total() - plan.peak().total();
    if (saved > 0 || plan.training_fits())
      remedies_.push_back({std::move(text), saved, plan.training_fits()});
  }

  const MemoryRequest& request_;
  const MemoryPlan& plan_;
  const std::function<MemoryPlan(const MemoryRequest&)>& choose_;
  std::vector<Remedy> remedies_;
};

}  // namespace

std::vector<Remedy> find_remedies(const MemoryRequest& request, const MemoryPlan& plan,
                                  const std::function<MemoryPlan(const MemoryRequest&)>& choose) {
  Trials trials(request, plan, choose);
  trials.try_types();
  trials.try_sizes();
  trials.try_machines();
  trials.try_adapters();
  return trials.take();
}

void require_fit(const MemoryPlan& plan) {
  if (plan.training_fits()) return;
  std::vector<std::string> enough;
  std::vector<std::string> helpful;
  for (const Remedy& remedy : plan.remedies) {
    if (remedy.is_enough) {
      enough.push_back(remedy.change);
    } else {
      helpful.push_back(fmt::format("{} saves {}", remedy.change, gigabytes(remedy.saved_bytes)));
    }
  }
  const std::int64_t missing = plan.peak().total() - plan.device.usable();
  std::string message = fmt::format(
      "training does not fit: its {} phase needs {}, {} of {} may be used "
      "(device.memory_fraction = {:g}), {} are missing",
      phase_name(plan.peak().phase), gigabytes(plan.peak().total()),
      gigabytes(plan.device.usable()), gigabytes(plan.device.bytes), plan.device.memory_fraction,
      gigabytes(missing));
  if (!enough.empty()) message += fmt::format("; enough would be {}", join(enough, " or "));
  if (!helpful.empty()) message += fmt::format("; {}", join(helpful, ", "));
  throw Error(ErrorCode::kOutOfMemory, message);
}

}  // namespace polaris
