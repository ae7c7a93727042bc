#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/http.h"
#include "base/sha256.h"
#include "judge/attempt.h"
#include "judge/judgement.h"
#include "judge/prices.h"
#include "judge/question.h"

namespace polaris {

/// What one judging model is sent, what it can cost and what it did cost. Any thread may call any
/// function.
class CallWriter {
 public:
  /// @param key  empty: none. It goes into requests and nowhere else
  CallWriter(const JudgeConfig& config, const JudgeSetup& setup, PriceTable prices,
             std::string key);

  /// Names the question for good: the request_hash() of its first attempt in the form that the
  /// configuration asks for. What a server turned out to take, and larger output limits of later
  /// attempts, do not change it.
  std::string hash(const JudgeRequest& request) const;

  HttpRequest http(const JudgeRequest& request, const AnswerForm& form, std::int64_t output_limit,
                   JudgeTier tier) const;

  /// What to ask a server about its context, one after the other; see server_context.h.
  std::vector<HttpRequest> context_requests() const;

  /// The most that a call can cost, USD: no text has more tokens than bytes. Absent: the price is
  /// not known.
  std::optional<double> most_usd(const JudgeRequest& request, std::int64_t output_limit,
                                 JudgeTier tier) const;

  /// Why a call cannot fit into judge.context_tokens; absent if it can or the limit is not known.
  /// Counted is a token per four bytes: more than in English, about as many as in Chinese.
  /// Source: specs/evaluation.md 10.5.
  std::optional<std::string> too_long(const JudgeRequest& request, std::int64_t output_limit) const;

  /// What an answer cost that was asked for in that tier. Absent where the price or the usage is
  /// not known.
  std::optional<double> cost_usd(const ModelAnswer& answer, JudgeTier tier) const;
  std::optional<std::string> price_date() const;

  /// `result` with the key blackened wherever a server repeats it.
  HttpResult without_key(HttpResult result) const;

  const Dialect& dialect() const { return dialect_of(config_); }

 private:
  /// A call of one form, with a mark in place of the message.
  VendorCall marked_call(const JudgeConfig& config, const AnswerForm& form,
                         std::int64_t output_limit) const;

  /// The message with prompt and story as a JSON string.
  std::string message(const JudgeRequest& request) const;

  /// The same for every story, so it is written once.
  struct Frame {
    HttpRequest call;            // without its body
    std::string before_message;  // of the body
    std::string behind_message;
  };
  Frame frame(const AnswerForm& form, std::int64_t output_limit, JudgeTier tier) const;

  JudgeConfig config_;
  const JudgeSetup& setup_;
  QuestionWriter writer_;
  PriceTable prices_;
  std::string key_;
  std::int64_t constant_bytes_ = 0;  // of a call, whatever the story

  // What request_hash() hashes, around the message with prompt and story, and around the repeat.
  Sha256 before_message_;
  std::string before_repeat_;

  mutable std::mutex frames_mutex_;
  mutable std::map<std::tuple<bool, bool, bool, std::int64_t, JudgeTier>, Frame> frames_;
};

}  // namespace polaris
