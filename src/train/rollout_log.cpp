#include "train/rollout_log.h"

#include <utility>

#include "base/error.h"
#include "rl/rollout_json.h"
#include "rl/score_json.h"

namespace polaris {

RolloutLog::RolloutLog(const std::filesystem::path& file, std::uint64_t cursor,
                       std::int64_t first_step, FileSystem& files)
    : offset_(cursor) {
  if (files.exists(file)) {
    read_recorded(file, cursor, first_step);
    JsonlWriter::truncate_to(file, recorded_.empty() ? cursor : recorded_.back().end, files);
  } else if (cursor != 0) {
    throw Error(
        ErrorCode::kIo,
        fmt::format("{} is missing, though the newest checkpoint was made with it", file.string()));
  }
  writer_.emplace(file, files);
}

void RolloutLog::read_recorded(const std::filesystem::path& file, std::uint64_t cursor,
                               std::int64_t first_step) {
  JsonlReader reader(file, LastLine::kMayBeTorn, kMaxJsonlLine, cursor);
  Recorded open{.step = first_step};
  try {
    while (auto row = reader.next()) {
      if (row->at("step").get<std::int64_t>() != open.step) return;  // a gap: ours end before it
      const auto rows_of_step = row->at("rows").get<std::size_t>();
      open.rows.push_back(std::move(*row));
      if (open.rows.size() < rows_of_step) continue;
      open.end = reader.offset();
      recorded_.push_back(std::exchange(open, {.step = open.step + 1}));
    }
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: not a line of a rollout log: {}", reader.place(), e.what()));
  }
}

std::optional<Json> RolloutLog::take(std::int64_t step) {
  if (recorded_.empty() || recorded_.front().step != step) return std::nullopt;
  Recorded recorded = std::move(recorded_.front());
  recorded_.pop_front();
  offset_ = recorded.end;
  return Json(std::move(recorded.rows));
}

std::vector<ScoredGroup> groups_of_rows(const Json& rows, std::int64_t step,
                                        std::span<const Prompt> prompts) {
  std::vector<ScoredGroup> groups(prompts.size());
  for (std::size_t p = 0; p < prompts.size(); ++p) groups[p].group.prompt = prompts[p];
  for (const Json& row : rows) {
    try {
      const auto g = row.at("group").get<std::size_t>();
      if (g >= groups.size() || row.at("id") != groups[g].group.prompt.id)
        throw Error(ErrorCode::kInvalidData,
                    fmt::format("rollouts.jsonl, step {}: it was made from other prompts than "
                                "data.train holds now; restore the file or use a new --run-dir",
                                step));
      groups[g].group.policy_version = row.at("policy_version").get<std::int64_t>();
      groups[g].group.rollouts.push_back(rollout_from_json(row));
      groups[g].scores.push_back(score_from_json(row));
    } catch (const Json::exception& e) {
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("rollouts.jsonl, step {}: {}", step, e.what()));
    }
  }
  return groups;
}

void RolloutLog::write(std::int64_t step, std::span<const ScoredGroup> groups,
                       std::span<const GroupOutcome> outcomes) {
  POLARIS_CHECK(recorded_.empty(), "a step is written before the recorded ones were replayed");
  std::size_t rows = 0;
  for (const ScoredGroup& group : groups) rows += group.scores.size();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const RolloutGroup& group = groups[g].group;
    for (std::size_t i = 0; i < group.rollouts.size(); ++i) {
      Json row = rollout_json(group.rollouts[i]);
      put_score(row, groups[g].scores[i]);
      row["step"] = step;
      row["rows"] = rows;  // of this step: how a reader knows that it is complete
      row["id"] = group.prompt.id;
      row["group"] = g;
      row["sample"] = i;
      row["policy_version"] = group.policy_version;
      row["advantage"] = or_null(outcomes[g].advantages[i]);
      writer_->write(row);
    }
  }
  writer_->sync();
  offset_ = writer_->offset();
}

}  // namespace polaris
