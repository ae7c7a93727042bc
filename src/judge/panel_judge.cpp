#include "judge/panel_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace polaris {
namespace {

/// The replies to one request on their way.
struct Vote {
  std::mutex mutex;
  std::vector<JudgeReply> replies;  // in the order of the members, whoever answers first
  std::size_t missing = 0;
  OnReply on_reply;
};

JudgeReply together(std::vector<JudgeReply> replies) {
  // Those with a verdict first: the first record then belongs to `verdict`.
  const auto first_missing =
      std::stable_partition(replies.begin(), replies.end(),
                            [](const JudgeReply& reply) { return reply.verdict.has_value(); });
  const auto missing = static_cast<std::size_t>(replies.end() - first_missing);
  JudgeReply result = std::move(replies.front());
  for (std::size_t i = 1; i < replies.size(); ++i) {
    JudgeReply& one = replies[i];
    if (one.verdict) result.further.push_back(*one.verdict);
    result.further.insert(result.further.end(), one.further.begin(), one.further.end());
    if (one.stop && !result.stop) result.stop = one.stop;
    for (std::string& flag : one.flags) {
      if (std::ranges::find(result.flags, flag) == result.flags.end())
        result.flags.push_back(std::move(flag));
    }
    result.quotes_verified += one.quotes_verified;
    result.quotes_checked += one.quotes_checked;
    add(result.usage, one.usage);
    result.cost_usd += one.cost_usd;
    result.attempts += one.attempts;
    result.cached = result.cached && one.cached;
    result.latency_s = std::max(result.latency_s, one.latency_s);
    result.records.insert(result.records.end(), one.records.begin(), one.records.end());
  }
  if (result.verdict && missing > 0)
    result.flags.push_back(fmt::format("members_missing:{}", missing));
  return result;
}

}  // namespace

PanelJudge::PanelJudge(std::vector<std::unique_ptr<Judge>> judges, int repeats)
    : judges_(std::move(judges)), repeats_(repeats) {
  POLARIS_CHECK(!judges_.empty() && repeats_ >= 1);
}

void PanelJudge::submit(JudgeRequest request, OnReply on_reply) {
  auto vote = std::make_shared<Vote>();
  vote->missing = judges_.size() * static_cast<std::size_t>(repeats_);
  vote->replies.resize(vote->missing);
  vote->on_reply = std::move(on_reply);
  std::size_t place = 0;
  for (const auto& judge : judges_) {
    for (int repeat = 0; repeat < repeats_; ++repeat, ++place) {
      JudgeRequest one = request;
      one.repeat = request.repeat * repeats_ + repeat;
      judge->submit(std::move(one), [vote, place](JudgeReply reply) {
        {
          const std::lock_guard lock(vote->mutex);
          vote->replies[place] = std::move(reply);
          if (--vote->missing > 0) return;
        }
        vote->on_reply(together(std::move(vote->replies)));
      });
    }
  }
}

}  // namespace polaris
