#include "judge/fake_judge.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace polaris {

JudgeReply FakeJudge::answer(const JudgeRequest& request) const {
  if (fault_) {
    if (const auto failure = fault_(request)) return {.failure = failure};
  }
  std::istringstream words(request.story);
  double sum = 0.0;
  double value = 0.0;
  int count = 0;
  for (; words >> value; ++count) sum += value;
  if (count == 0) return {.failure = JudgeFailure::kInvalid};
  auto points = static_cast<std::int64_t>(std::llround(std::clamp(sum / count, 0.0, 100.0)));
  Verdict verdict;
  for (std::size_t i = 0; i < verdict.positive.size(); ++i) {
    verdict.positive[i] = std::min(points, kPositiveMax[i]);
    points -= verdict.positive[i];
  }
  return {.verdict = verdict};
}

void FakeJudge::submit(JudgeRequest request, OnReply on_reply) {
  {
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (holding_) {
      held_.emplace_back(std::move(request), std::move(on_reply));
      return;
    }
  }
  on_reply(answer(request));
}

void FakeJudge::release() {
  std::vector<std::pair<JudgeRequest, OnReply>> held;
  {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    held.swap(held_);
  }
  std::ranges::reverse(held);
  for (const auto& [request, on_reply] : held) on_reply(answer(request));
}

}  // namespace polaris
