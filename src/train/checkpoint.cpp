#include "train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"

namespace polaris {
namespace {

constexpr std::string_view kPrefix = "step_";
constexpr auto kCursorFile = "cursor.json";

/// N of "step_N"; nothing for any other name.
std::optional<std::int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  std::int64_t step = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (failure != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

}  // namespace

Checkpoints::Checkpoints(std::filesystem::path folder, FileSystem& files, std::int64_t keep)
    : folder_(std::move(folder)), files_(files), keep_(keep) {}

std::filesystem::path Checkpoints::folder_of_step(std::int64_t step) const {
  return folder_ / fmt::format("{}{}", kPrefix, step);
}

std::vector<std::int64_t> Checkpoints::complete_steps() const {
  std::vector<std::int64_t> steps;
  if (!files_.exists(folder_)) return steps;
  for (const FolderEntry& entry : files_.list(folder_)) {
    const auto step = step_of(entry.name);
    if (step && is_complete_folder(folder_ / entry.name, files_)) steps.push_back(*step);
  }
  std::ranges::sort(steps);
  return steps;
}

std::optional<std::filesystem::path> Checkpoints::newest_folder() const {
  const auto steps = complete_steps();
  return steps.empty() ? std::nullopt : std::optional(folder_of_step(steps.back()));
}

std::optional<Cursor> Checkpoints::newest() const {
  const auto folder = newest_folder();
  if (!folder) return std::nullopt;
  const auto file = *folder / kCursorFile;
  const Json json = parse_json(files_.read(file, 1U << 20), file.string());
  try {
    return Cursor{.step = json.at("step").get<std::int64_t>(),
                  .metrics_bytes = json.at("metrics_bytes").get<std::uint64_t>(),
                  .rollouts_bytes = json.at("rollouts_bytes").get<std::uint64_t>(),
                  .batches_bytes = json.at("batches_bytes").get<std::uint64_t>()};
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: {}; remove this checkpoint to go on from the one before it",
                            file.string(), e.what()));
  }
}

void Checkpoints::load(const Cursor& cursor, Learner& learner) const {
  const auto folder = folder_of_step(cursor.step);
  learner.load(folder);
  POLARIS_CHECK(learner.policy_version() == cursor.step, "{} holds a learner of {} updates",
                folder.string(), learner.policy_version());
}

void Checkpoints::save(const Cursor& cursor, const Learner& learner) {
  AtomicFolder folder(folder_of_step(cursor.step), files_);
  learner.save(folder.path());
  write_atomically(folder.path() / kCursorFile,
                   dump_json({{"step", cursor.step},
                              {"metrics_bytes", cursor.metrics_bytes},
                              {"rollouts_bytes", cursor.rollouts_bytes},
                              {"batches_bytes", cursor.batches_bytes}}) +
                       "\n",
                   files_);
  folder.commit();
  remove_old_ones();
}

void Checkpoints::remove_old_ones() {
  const auto steps = complete_steps();
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < steps.size(); ++i) {
    if (steps[i] != best_step_) remove_folder(folder_of_step(steps[i]), files_);
  }
}

void Checkpoints::set_best(std::int64_t step) {
  const auto folder = folder_of_step(step);
  if (!is_complete_folder(folder, files_)) return;
  best_step_ = step;
  files_.link(folder.filename(), folder_ / "best");
  remove_old_ones();
}

}  // namespace polaris
