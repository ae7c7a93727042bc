#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/http_client.h"
#include "judge/budget.h"
#include "judge/judge.h"
#include "judge/judgement.h"
#include "judge/prices.h"

namespace polaris {

/// What an HttpJudge is given besides its configuration.
struct HttpJudgeParts {
  std::string key;  ///< of the service; empty: none
  PriceTable prices;
  HttpClientOptions client;
  std::shared_ptr<Budget> budget;  ///< shared with other judges; null: its own, budget_of_run()
  std::function<void(const std::string&)> note;  ///< lines for people; may be empty
};

/// Asks a language model over HTTP. A story passes, in this order,
///
///   stored answers   an answer that was given once is graded again and not asked for again, by
///                    this or any other process (AnswerStore)
///   budget           a call goes out only if its dearest outcome fits (Budget)
///   gate             as many calls in flight as the server stands (CallGate)
///   call             one event loop for all stories, no thread per story (HttpClient)
///
/// and comes back to the budget for every further attempt: transient failures and answers that do
/// not count are repeated up to judge.max_attempts times. Every answer is stored and billed, good
/// or not. What remains without a verdict is a failure with its reason, never a number.
///
/// Source: specs/evaluation.md 1.2, 10.6.
class HttpJudge : public Judge {
 public:
  /// `setup` and `clock` are borrowed.
  /// @throws Error{kIo, kInvalidData} for the file of stored answers; Error{kInvalidConfig} for a
  ///         budget where the model's price is not known
  HttpJudge(const JudgeConfig& config, const JudgeSetup& setup, HttpJudgeParts parts,
            const Clock& clock);

  /// Calls in flight end; their stories, and those in line, get a failure.
  ~HttpJudge() override;

  void submit(JudgeRequest request, OnReply on_reply) override;

 private:
  class Desk;
  std::unique_ptr<Desk> desk_;
};

/// The key in the environment variable `config.api_key_env`; empty if none is named.
/// @throws Error{kInvalidConfig} if it is named and not set
std::string key_from_environment(const JudgeConfig& config);

}  // namespace polaris
