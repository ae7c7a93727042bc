#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "judge/judge.h"

namespace polaris {

/// Reads stories of FakeEngine, whose words are numbers, and gives their mean as positive points
/// (0 ... 100, spread over the six dimensions). Answers at once, or when release() is called; can
/// be told to stay silent.
class FakeJudge : public Judge {
 public:
  using Fault = std::function<std::optional<JudgeFailure>(const JudgeRequest&)>;

  /// Asked before every answer: a failure instead of a verdict.
  explicit FakeJudge(Fault fault = {}) : fault_(std::move(fault)) {}

  /// From now on answers wait for release().
  void hold() { holding_ = true; }

  /// Gives the held answers, newest first, on the calling thread.
  void release();

  void submit(JudgeRequest request, OnReply on_reply) override;

  std::int64_t calls() const { return calls_; }

 private:
  JudgeReply answer(const JudgeRequest& request) const;

  Fault fault_;
  std::mutex mutex_;
  bool holding_ = false;
  std::vector<std::pair<JudgeRequest, OnReply>> held_;
  std::int64_t calls_ = 0;
};

}  // namespace polaris
