#include "app/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace polaris {
namespace {

template <class Enum>
std::string name_of(Enum value) {
  return enum_names(value).at(static_cast<std::size_t>(value));
}

std::string_view kind_name(DeviceKind kind) { return kind == DeviceKind::kCuda ? "cuda" : "cpu"; }

double gigabytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1e9; }

/// Lines of a table whose numbers share a unit: GB, or MB where all is small.
class Table {
 public:
  explicit Table(const MemoryPlan& plan) {
    std::int64_t largest = 0;
    for (const PhasePlan& phase : plan.phases) largest = std::max(largest, phase.total());
    if (largest < 1'000'000'000) unit_ = 1e6;
  }

  const char* unit() const { return unit_ == 1e6 ? "MB" : "GB"; }

  std::string cell(std::int64_t bytes) const {
    return fmt::format("{:.2f}", static_cast<double>(bytes) / unit_);
  }

  void add(std::string_view name, const std::vector<std::string>& cells) {
    std::string line = fmt::format("  {:<24}", name);
    for (const std::string& text : cells) line += fmt::format("{:>16}", text);
    text_ += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }

  const std::string& text() const { return text_; }

 private:
  double unit_ = 1e9;
  std::string text_;
};

/// Every item that occurs, in the order of the enum.
std::vector<PlanItem> items_of(const MemoryPlan& plan) {
  std::vector<PlanItem> items;
  for (const PhasePlan& phase : plan.phases) {
    for (const PlannedItem& planned : phase.items) items.push_back(planned.item);
  }
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

std::string table_text(const MemoryPlan& plan) {
  Table table(plan);
  const auto add = [&](std::string_view name, auto cell_of) {
    std::vector<std::string> cells;
    for (const PhasePlan& phase : plan.phases) cells.emplace_back(cell_of(phase));
    table.add(name, cells);
  };
  add(fmt::format("{} per rank", table.unit()),
      [](const PhasePlan& phase) { return phase_name(phase.phase); });
  for (const PlanItem item : items_of(plan)) {
    add(item_name(item), [&](const PhasePlan& phase) {
      const auto bytes = phase.bytes_of(item);
      return bytes ? table.cell(*bytes) : std::string();
    });
  }
  add("total", [&](const PhasePlan& phase) { return table.cell(phase.total()); });
  add("", [&](const PhasePlan& phase) {
    const std::int64_t free = plan.device.usable() - phase.total();
    return table.cell(std::abs(free)) + (free >= 0 ? " free" : " short");
  });
  add("stories side by side",
      [](const PhasePlan& phase) { return phase.slots ? grouped(*phase.slots) : std::string(); });
  return table.text();
}

}  // namespace

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string plan_text(const MemoryPlan& plan, const PlanTarget& target) {
  const PlanDevice& device = plan.device;
  std::string text = fmt::format(
      "memory plan for {} rank{} on {} of {:.1f} GB{}, {:.1f} GB of it usable "
      "(device.memory_fraction = {:g})\n",
      plan.ranks, plan.ranks == 1 ? "" : "s", target.name, gigabytes(device.bytes),
      plan.ranks == 1 ? "" : " each", gigabytes(device.usable()), device.memory_fraction);
  text += table_text(plan);
  text +=
      fmt::format("  compute {}, master {}, moments {}, micro-batch {} tokens, {} rows of logits\n",
                  name_of(plan.compute), name_of(plan.master), name_of(plan.moments),
                  grouped(plan.microbatch_tokens), grouped(plan.head_rows));
  if (plan.trained != plan.parameters)
    text += fmt::format("  {} parameters of adapters are trained, the {} of the model are frozen\n",
                        grouped(plan.trained), grouped(plan.parameters));
  text += fmt::format("  training {}, sampling alone {}\n",
                      plan.training_fits() ? "fits" : "does not fit",
                      plan.fits(*plan.find(PlanPhase::kSampling)) ? "fits" : "does not fit");
  for (const Remedy& remedy : plan.remedies) {
    text += remedy.is_enough ? fmt::format("    enough: {}\n", remedy.change)
                             : fmt::format("    saves {:.1f} GB: {}\n",
                                           gigabytes(remedy.saved_bytes), remedy.change);
  }
  return text;
}

Json plan_json(const MemoryPlan& plan, const PlanTarget& target) {
  Json json = {{"device", kind_name(plan.device.kind)},
               {"device_name", target.name},
               {"device_bytes", plan.device.bytes},
               {"usable_bytes", plan.device.usable()},
               {"ranks", plan.ranks},
               {"compute_dtype", name_of(plan.compute)},
               {"master", name_of(plan.master)},
               {"moments", name_of(plan.moments)},
               {"microbatch_tokens", plan.microbatch_tokens},
               {"head_rows", plan.head_rows},
               {"trained_parameters", plan.trained},
               {"training_fits", plan.training_fits()},
               {"phases", Json::array()},
               {"remedies", Json::array()}};
  for (const PhasePlan& phase : plan.phases) {
    Json items = Json::object();
    for (const PlannedItem& planned : phase.items)
      items[std::string(item_name(planned.item))] = planned.bytes;
    Json entry = {{"phase", phase_name(phase.phase)},
                  {"bytes", std::move(items)},
                  {"total_bytes", phase.total()},
                  {"fits", plan.fits(phase)},
                  {"slots", nullptr}};
    if (phase.slots) entry["slots"] = *phase.slots;
    json["phases"].push_back(std::move(entry));
  }
  for (const Remedy& remedy : plan.remedies) {
    json["remedies"].push_back({{"change", remedy.change},
                                {"saved_bytes", remedy.saved_bytes},
                                {"is_enough", remedy.is_enough}});
  }
  return json;
}

}  // namespace polaris
