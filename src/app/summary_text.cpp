#include "app/summary_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "train/report_stories.h"

namespace polaris {
namespace {

/// The label of a measure, and which way it should go.
const Measure& measure_named(const std::string& name) {
  const auto found = std::ranges::find(measures(), name, &Measure::name);
  POLARIS_CHECK(found != measures().end());
  return *found;
}

/// What is absent is a dash.
std::string number(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

std::string verdict_on(const Comparison& row, Better better) {
  if (!row.is_clear() || better == Better::kNeither) return "";
  return (*row.difference > 0) == (better == Better::kHigher) ? "better" : "worse";
}

std::string row_text(const Comparison& row) {
  const Measure& measure = measure_named(row.name);
  std::string interval;
  if (const auto& range = row.difference_interval)
    interval = fmt::format("[{:+.3f}, {:+.3f}]", range->low, range->high);
  const std::string line =
      fmt::format("  {:<24}{:>9}{:>9}{:>9}  {:<19} {}", measure.label, number(row.before, "{:.3f}"),
                  number(row.after, "{:.3f}"), number(row.difference, "{:+.3f}"), interval,
                  verdict_on(row, measure.better));
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string phases_text(const std::map<std::string, double>& seconds) {
  constexpr std::array<std::pair<const char*, const char*>, 4> kPhases = {
      {{"gen", "writing"},
       {"reward", "judging"},
       {"update_actor", "updates"},
       {"testing", "validation"}}};
  const auto all = seconds.find("step");
  if (all == seconds.end() || all->second <= 0) return "";
  std::string text;
  for (const auto& [name, label] : kPhases) {
    const auto phase = seconds.find(name);
    if (phase == seconds.end()) continue;
    text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", label,
                        100.0 * phase->second / all->second);
  }
  return fmt::format("time in the steps: {} ({})\n", human_seconds(all->second), text);
}

}  // namespace

std::string summary_text(const RunSummary& summary) {
  if (summary.measures.empty()) return "no two validations to compare\n";
  std::string text = fmt::format(
      "held-out prompts: {} stories before, {} after step {}; judge: {}\n"
      "  {:<24}{:>9}{:>9}{:>9}  95 % interval, paired by prompt\n",
      summary.stories_before, summary.stories_after, summary.after_step, summary.judge, "",
      "before", "after", "change");
  for (const Comparison& row : summary.measures) text += row_text(row);
  return text + phases_text(summary.seconds);
}

std::string stories_text(const std::filesystem::path& run_dir) {
  constexpr std::size_t kShown = 900;  // characters
  std::vector<std::string> problems;
  const Json pair = shown_pair(run_dir, problems);
  if (pair.is_null()) return "";
  std::string text = pair.at("prompt").get<std::string>() + "\n";
  for (const char* side : {"before", "after"}) {
    const Json& card = pair.at(side);
    text += fmt::format("\n--- {} ({} words, reward {:.2f})\n{}\n", side,
                        card.at("words").get<std::int64_t>(), card.at("reward").get<double>(),
                        shorten(card.at("story").get<std::string>(), kShown));
  }
  return text;
}

}  // namespace polaris
