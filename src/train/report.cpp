#include "train/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/error.h"
#include "eval/evaluated_story.h"
#include "rl/score_json.h"
#include "train/journal.h"
#include "train/report_stories.h"
#include "train/run_files.h"

namespace polaris {

namespace fs = std::filesystem;

// Made of assets/report/ and Chart.js by cmake/EmbedFile.cmake.
namespace embedded {
extern const std::string_view report_page;
extern const std::string_view report_style;
extern const std::string_view report_script;
extern const std::string_view chart_script;
}  // namespace embedded

namespace {

constexpr std::size_t kMaxPoints = 500;  // of one curve, and as many with a validation
constexpr std::ptrdiff_t kMaxValidations = 500;
constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;
constexpr std::uintmax_t kMaxSummaryBytes = 4 << 20;

/// Six digits are more than a curve shows.
Json rounded(const std::optional<double>& value) {
  if (!value) return {};
  if (*value == 0.0 || !std::isfinite(*value)) return 0.0;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(*value))));
  return std::round(*value * scale) / scale;
}

/// The rows that are drawn: all, or every k-th and those with a validation (unless they are as
/// many).
std::vector<std::size_t> drawn_rows(const MetricsTable& metrics, std::vector<std::string>& notes) {
  const std::size_t count = metrics.steps.size();
  const std::size_t stride = (count + kMaxPoints - 1) / kMaxPoints;
  std::vector<bool> is_kept(count, false);
  const auto validation = metrics.columns.find(kValidationReward);
  if (validation != metrics.columns.end()) {
    const auto has_value = [](const auto& value) { return value.has_value(); };
    if (std::ranges::count_if(validation->second, has_value) <= kMaxValidations)
      std::transform(validation->second.begin(), validation->second.end(), is_kept.begin(),
                     has_value);
  }
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % stride == 0 || i + 1 == count || is_kept[i]) rows.push_back(i);
  }
  if (stride > 1)
    notes.push_back(fmt::format("curves show one step in {}; metrics.jsonl has all", stride));
  return rows;
}

void put_metrics(Json& data, const MetricsTable& metrics, std::vector<std::string>& notes) {
  const auto rows = drawn_rows(metrics, notes);
  data["steps"] = Json::array();
  for (const std::size_t i : rows) data["steps"].push_back(metrics.steps[i]);
  data["series"] = Json::object();
  data["totals"] = Json::object();
  for (const auto& [name, column] : metrics.columns) {
    Json& series = data["series"][name] = Json::array();
    for (const std::size_t i : rows) series.push_back(rounded(column[i]));
    if (name.starts_with("timing_s/")) data["totals"][name] = rounded(metrics.total(name));
  }
}

Json measures_json() {
  Json list = Json::array();
  for (const Measure& measure : measures()) {
    const char* better = measure.better == Better::kHigher  ? "higher"
                         : measure.better == Better::kLower ? "lower"
                                                            : "neither";
    const bool is_dimension =
        std::ranges::find(scored_dimensions(), measure.name, &ScoredDimension::name) !=
        scored_dimensions().end();
    list.push_back({{"name", measure.name},
                    {"label", measure.label},
                    {"better", better},
                    {"is_dimension", is_dimension}});
  }
  return list;
}

/// summary.json, or null.
Json read_summary(const fs::path& run_dir, std::vector<std::string>& notes) {
  if (real_file_system().kind(run_dir / "summary.json") != FileKind::kFile) {
    notes.emplace_back("summary.json is not there: it is written when training ends");
    return {};
  }
  try {
    const Json summary = read_json_file(run_dir / "summary.json", kMaxSummaryBytes);
    if (summary.is_object() && summary.contains("validation")) return summary;
    notes.emplace_back("summary.json is not what polaris writes");
  } catch (const Error& e) {
    notes.emplace_back(e.what());
  }
  return {};
}

std::string read_config_text(const fs::path& run_dir, std::vector<std::string>& notes) {
  if (real_file_system().kind(run_dir / "config.toml") != FileKind::kFile) {
    notes.emplace_back("config.toml is not there");
    return {};
  }
  return real_file_system().read(run_dir / "config.toml", kMaxConfigBytes);
}

/// The first step, one in the middle and the last one.
std::vector<std::int64_t> steps_to_read(const MetricsTable& metrics) {
  std::vector<std::int64_t> steps;
  std::ranges::copy_if(metrics.steps, std::back_inserter(steps),
                       [](auto step) { return step > 0; });
  if (steps.size() <= 3) return steps;
  return {steps.front(), steps[steps.size() / 2], steps.back()};
}

std::string run_name(const fs::path& run_dir) {
  const fs::path absolute = fs::absolute(run_dir).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

/// The page with {{name}} replaced; what is put in is not searched again.
std::string filled_page(const std::string& data) {
  const std::pair<std::string_view, std::string_view> fills[] = {
      {"{{style}}", embedded::report_style},
      {"{{data}}", data},
      {"{{chart}}", embedded::chart_script},
      {"{{script}}", embedded::report_script}};
  std::string page;
  std::string_view rest = embedded::report_page;
  for (const auto& [mark, content] : fills) {
    const std::size_t at = rest.find(mark);
    POLARIS_CHECK(at != std::string_view::npos, "{} is not in the page", mark);
    page += rest.substr(0, at);
    page += content;
    rest.remove_prefix(at + mark.size());
  }
  return page += rest;
}

}  // namespace

std::string script_json(const Json& value) {
  std::string out;
  for (const char c : dump_json(value)) {
    if (c == '<' || c == '>' || c == '&')
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out;
}

std::vector<std::string> write_report(const fs::path& run_dir) {
  if (!fs::is_directory(run_dir))
    throw Error(ErrorCode::kIo, fmt::format("there is no folder {}", run_dir.string()));
  std::vector<std::string> notes;
  Json data = {{"run", run_name(run_dir)}, {"written", utc_text(SystemClock().wall_s())}};
  const MetricsTable metrics = read_metrics(run_dir, notes);
  put_metrics(data, metrics, notes);
  data["measures"] = measures_json();
  data["summary"] = read_summary(run_dir, notes);
  data["before_after"] = shown_pair(run_dir, notes);
  data["groups"] = shown_groups(run_dir, steps_to_read(metrics), notes);
  data["config"] = read_config_text(run_dir, notes);
  data["notes"] = notes;
  write_atomically(run_dir / "report.html", filled_page(script_json(data)));
  return notes;
}

}  // namespace polaris
