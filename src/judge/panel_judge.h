#pragma once

#include <memory>
#include <vector>

#include "judge/judge.h"

namespace polaris {

/// Asks several judges, each so many times, and gives one reply: all verdicts (their mean counts),
/// the records of all, sums of what it cost. A member without a verdict is left out and flagged
/// "members_missing:N"; where none has one, the first failure is the reply's. A story is never
/// given points that nobody gave it.
class PanelJudge : public Judge {
 public:
  /// @param repeats  independent answers per judge, at least 1
  PanelJudge(std::vector<std::unique_ptr<Judge>> judges, int repeats);

  void submit(JudgeRequest request, OnReply on_reply) override;

 private:
  std::vector<std::unique_ptr<Judge>> judges_;
  int repeats_;
};

}  // namespace polaris
