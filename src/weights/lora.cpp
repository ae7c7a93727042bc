#include "weights/lora.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

constexpr std::string_view kAllLinear = "all-linear";

/// PEFT's rule: the whole name of the module, or an end of it behind a dot.
bool fits(std::string_view module, std::string_view name) {
  return module == name ||
         (module.ends_with(name) && module[module.size() - name.size() - 1] == '.');
}

/// "q_proj" and so on, in the order of their first occurrence.
std::vector<std::string> last_names(const std::vector<LoraTarget>& targets) {
  std::vector<std::string> names;
  for (const LoraTarget& target : targets) {
    std::string name = target.module.substr(target.module.rfind('.') + 1);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

std::vector<ExpectedTensor> LoraLayout::tensors() const {
  std::vector<ExpectedTensor> result;
  for (const LoraTarget& target : targets) {
    result.push_back({target.a(), {rank, target.in}});
    result.push_back({target.b(), {target.out, rank}});
  }
  return result;
}

std::int64_t LoraLayout::parameter_count() const {
  std::int64_t count = 0;
  for (const LoraTarget& target : targets) count += rank * (target.in + target.out);
  return count;
}

std::vector<LoraTarget> lora_projections(const ModelConfig& config) {
  constexpr std::string_view kEnding = ".weight";
  std::vector<LoraTarget> targets;
  for (const ExpectedTensor& tensor : expected_tensors(config)) {
    if (tensor.shape.size() != 2 || !tensor.name.starts_with("layers.")) continue;
    targets.push_back({.module = tensor.name.substr(0, tensor.name.size() - kEnding.size()),
                       .out = tensor.shape[0],
                       .in = tensor.shape[1]});
  }
  return targets;
}

LoraLayout make_lora_layout(const ModelConfig& config, std::int64_t rank, double alpha,
                            std::span<const std::string> names) {
  const std::vector<LoraTarget> all = lora_projections(config);
  const std::vector<std::string> known = last_names(all);
  LoraLayout layout{.rank = rank, .alpha = alpha, .names = {names.begin(), names.end()}};
  if (std::ranges::find(names, kAllLinear) != names.end()) {
    layout.names = known;
    layout.targets = all;
    return layout;
  }
  const auto refused = [&](std::string_view reason) {
    return Error(ErrorCode::kInvalidConfig,
                 fmt::format("model.lora.targets: {}; the projections of this model are {}, or "
                             "write {} for all of them",
                             reason, join(known, ", "), kAllLinear));
  };
  if (names.empty()) throw refused("no target is named");
  for (const std::string& name : names) {
    if (std::ranges::none_of(all, [&](const LoraTarget& t) { return fits(t.module, name); }))
      throw refused(fmt::format("no module is called \"{}\"", name));
  }
  for (const LoraTarget& target : all) {
    if (std::ranges::any_of(names, [&](const auto& name) { return fits(target.module, name); }))
      layout.targets.push_back(target);
  }
  return layout;
}

}  // namespace polaris
