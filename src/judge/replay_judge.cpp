#include "judge/replay_judge.h"

#include <fmt/format.h>

namespace polaris {
namespace {

/// How the recorded text ended, as its failure tells.
ModelFinish finish_of(const JudgementRecord& record) {
  if (record.failure == JudgeFailure::kTruncated) return ModelFinish::kLength;
  if (record.failure == JudgeFailure::kRefused) return ModelFinish::kRefused;
  if (record.failure == JudgeFailure::kBlocked) return ModelFinish::kBlocked;
  return ModelFinish::kStop;
}

bool was_answered(const JudgementRecord& record) {
  return record.failure != JudgeFailure::kTransport && record.failure != JudgeFailure::kTimeout;
}

}  // namespace

ReplayJudge::ReplayJudge(const std::filesystem::path& file, const JudgeConfig& config,
                         const JudgeSetup& setup)
    : file_(file), config_(config), setup_(setup) {
  JsonlReader reader(file, LastLine::kMayBeTorn);
  while (const auto json = reader.next()) {
    JudgementRecord record = judgement_from_json(*json, reader.place());
    by_question_[record.prompt_hash].push_back(std::move(record));
  }
}

JudgeReply ReplayJudge::reply_to(const JudgeRequest& request) const {
  JudgeReply reply{.cached = true};
  const auto found = by_question_.find(prompt_hash(request, config_, setup_));
  const auto repeat = static_cast<std::size_t>(request.repeat);
  if (found == by_question_.end() || repeat >= found->second.size()) {
    reply.failure = JudgeFailure::kTransport;
    reply.message = fmt::format("{} has no recorded answer {} to this prompt and story",
                                file_.string(), request.repeat + 1);
    return reply;
  }
  JudgementRecord record = found->second[repeat];
  Grade grade{.failure = record.failure, .message = "the recorded call failed"};
  if (was_answered(record))
    grade = grade_answer({.text = record.raw_text, .finish = finish_of(record)}, request.story,
                         setup_.rubric,
                         {.totals = setup_.totals, .empty_answer = config_.empty_answer});
  put_grade(grade, reply);
  put_grade(grade, setup_, record);
  reply.usage = record.usage;
  reply.records.push_back(std::make_shared<const JudgementRecord>(std::move(record)));
  return reply;
}

void ReplayJudge::submit(JudgeRequest request, OnReply on_reply) { on_reply(reply_to(request)); }

RecordJudge::RecordJudge(std::unique_ptr<Judge> judge, const std::filesystem::path& file,
                         const JudgeConfig& config, const JudgeSetup& setup)
    : config_(config), setup_(setup), writer_(file), judge_(std::move(judge)) {}

void RecordJudge::write(const std::vector<JudgementRecord>& records) {
  const std::lock_guard lock(mutex_);
  for (const JudgementRecord& record : records) writer_.write(to_json(record));
}

void RecordJudge::submit(JudgeRequest request, OnReply on_reply) {
  judge_->submit(request, [this, request, on_reply = std::move(on_reply)](JudgeReply reply) {
    try {
      write(records_of(reply, request, config_, setup_));
    } catch (const Error& e) {  // a full disk: the run must not go on as if it were recorded
      if (!reply.stop) reply.stop = e.within("judge.record");
    }
    on_reply(std::move(reply));
  });
}

}  // namespace polaris
