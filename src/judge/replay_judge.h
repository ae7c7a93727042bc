#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/jsonl.h"
#include "judge/judge.h"
#include "judge/judgement.h"

namespace polaris {

/// Gives the answers of a file of judgement records (`polaris judge --out`, judge.record), graded
/// anew from their raw text. A question is known by its prompt_hash, so prompt and story decide,
/// not who answered; repeat i takes the i-th record of it. Nothing is asked or guessed: a story
/// that is not in the file is a failure that says so.
class ReplayJudge : public Judge {
 public:
  /// `setup` is borrowed.
  /// @throws Error{kIo}, Error{kInvalidData} naming file and line
  ReplayJudge(const std::filesystem::path& file, const JudgeConfig& config,
              const JudgeSetup& setup);

  void submit(JudgeRequest request, OnReply on_reply) override;

 private:
  JudgeReply reply_to(const JudgeRequest& request) const;

  std::filesystem::path file_;
  JudgeConfig config_;
  const JudgeSetup& setup_;
  std::map<std::string, std::vector<JudgementRecord>> by_question_;
};

/// Hands everything on and appends the records of every reply to a file that ReplayJudge reads.
class RecordJudge : public Judge {
 public:
  /// `setup` is borrowed.
  /// @throws Error{kIo}
  RecordJudge(std::unique_ptr<Judge> judge, const std::filesystem::path& file,
              const JudgeConfig& config, const JudgeSetup& setup);

  void submit(JudgeRequest request, OnReply on_reply) override;

 private:
  void write(const std::vector<JudgementRecord>& records);

  JudgeConfig config_;
  const JudgeSetup& setup_;
  std::mutex mutex_;
  JsonlWriter writer_;
  std::unique_ptr<Judge> judge_;  // last: its replies use all the rest
};

}  // namespace polaris
