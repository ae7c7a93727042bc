// What an HttpJudge carries about: stories, and the calls that they make.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "judge/answer_form.h"
#include "judge/answer_store.h"
#include "judge/call_gate.h"
#include "judge/judge.h"
#include "judge/judge_config.h"

namespace polaris {

/// A story on its way to a reply.
struct Errand {
  JudgeRequest request;
  std::string hash;
  std::vector<OnReply> on_reply;  ///< of whoever asked the same meanwhile, the first one first
  std::int64_t output_limit = 0;  ///< of the next attempt
  JudgeTier tier = JudgeTier::kDefault;  ///< of the next attempt
  std::int64_t flex_refusals = 0;
  JudgeReply reply;  ///< what it has cost so far
  bool is_claimed = false;
};
using ErrandPtr = std::shared_ptr<Errand>;

/// One call of it, in flight.
struct Call {
  ErrandPtr errand;
  AnswerForm form;
  JudgeTier tier = JudgeTier::kDefault;
  CallGate::Wave wave = 0;
  std::int64_t id = 0;  ///< in the store
  StoredCall stored;
};

}  // namespace polaris
