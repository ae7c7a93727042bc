#include "train/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/file_system.h"
#include "base/jsonl.h"

namespace polaris {

namespace fs = std::filesystem;

std::optional<double> MetricsTable::total(const std::string& name) const {
  const auto column = columns.find(name);
  if (column == columns.end()) return std::nullopt;
  double sum = 0.0;
  for (const auto& value : column->second) sum += value.value_or(0.0);
  return sum;
}

void for_each_line(const fs::path& file, std::vector<std::string>& problems,
                   const std::function<void(const Json& line)>& use) {
  const std::string name = file.filename().string();
  if (real_file_system().kind(file) != FileKind::kFile) {
    problems.push_back(fmt::format("{} is not there", name));
    return;
  }
  JsonlReader reader(file, LastLine::kMayBeTorn);
  std::int64_t damaged = 0;
  std::string first_reason;
  for (bool is_open = true; is_open;) {
    try {
      const auto line = reader.next();
      is_open = line.has_value();
      if (line) use(*line);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalidData) throw;
      if (damaged++ == 0) first_reason = e.what();
    } catch (const Json::exception& e) {
      if (damaged++ == 0) first_reason = fmt::format("{}: {}", reader.place(), e.what());
    }
  }
  if (damaged > 0)
    problems.push_back(
        fmt::format("{}: {} line(s) could not be read: {}", name, damaged, first_reason));
  if (reader.is_torn())
    problems.push_back(fmt::format("{} ends within a line, which is left out", name));
}

MetricsTable read_metrics(const fs::path& run_dir, std::vector<std::string>& problems) {
  MetricsTable table;
  for_each_line(run_dir / "metrics.jsonl", problems, [&](const Json& line) {
    const auto step = line.at("step").get<std::int64_t>();
    for (const auto& [name, value] : line.items()) {
      if (name == "step" || !value.is_number()) continue;
      auto& column = table.columns[name];
      column.resize(table.steps.size());
      column.emplace_back(value.get<double>());
    }
    table.steps.push_back(step);
  });
  for (auto& [name, column] : table.columns) column.resize(table.steps.size());
  return table;
}

std::vector<std::int64_t> validation_steps(const fs::path& run_dir) {
  std::vector<std::int64_t> steps;
  FileSystem& files = real_file_system();
  if (files.kind(run_dir / "validation") != FileKind::kFolder) return steps;
  for (const FolderEntry& entry : files.list(run_dir / "validation")) {
    constexpr std::string_view kPrefix = "step_";
    std::int64_t step = 0;
    const char* end = entry.name.data() + entry.name.size();
    if (!entry.name.starts_with(kPrefix)) continue;
    const auto parsed = std::from_chars(entry.name.data() + kPrefix.size(), end, step);
    if (parsed.ec == std::errc() && std::string_view(parsed.ptr, end) == ".jsonl")
      steps.push_back(step);
  }
  std::ranges::sort(steps);
  return steps;
}

std::vector<EvaluatedStory> read_validation(const fs::path& run_dir, std::int64_t step,
                                            std::vector<std::string>& problems) {
  const std::string name = fmt::format("step_{}.jsonl", step);
  std::vector<EvaluatedStory> stories;
  for_each_line(run_dir / "validation" / name, problems, [&](const Json& line) {
    stories.push_back(evaluated_story_from_json(line, name));
  });
  return stories;
}

}  // namespace polaris
