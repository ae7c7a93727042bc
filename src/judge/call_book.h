#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "judge/answer_store.h"
#include "judge/attempt.h"
#include "judge/call_writer.h"
#include "judge/errand.h"
#include "judge/form_memory.h"

namespace polaris {

/// What one HttpJudge writes down and reads again: a call's intent before it goes out, what came of
/// it and what it cost, and stored answers as replies. Any thread may call any function; those that
/// use the file throw Error{kIo}.
class CallBook {
 public:
  /// All are borrowed. @throws as AnswerStore
  CallBook(const JudgeConfig& config, const JudgeSetup& setup, const CallWriter& writer,
           const Clock& clock);

  /// The answer that was stored once, graded by today's rules.
  std::optional<JudgeReply> stored_reply(const Errand& errand);

  /// The right to ask, among all processes (AnswerStore::claim).
  bool claim(const Errand& errand) { return store_.claim(errand.hash); }
  void release(const Errand& errand) { store_.release(errand.hash); }

  /// Counts the attempt and writes its intent down.
  void begin(Call& call, double most_usd);

  /// Writes down what came, and puts it into the errand's reply.
  /// @return what it costs, or may have cost, in USD
  double finish(const Call& call, const Attempt& attempt, const HttpResult& result);

  /// The form of answer that the server takes, for a week.
  void recall(FormMemory& form);
  void remember(const FormMemory& form);

  GradeRule grade_rule() const {
    return {.totals = setup_.totals, .empty_answer = config_.empty_answer};
  }

 private:
  std::shared_ptr<const JudgementRecord> record(const Errand& errand, const StoredCall& call,
                                                Grade grade) const;
  std::string server_name() const;

  const JudgeConfig& config_;
  const JudgeSetup& setup_;
  const CallWriter& writer_;
  const Clock& clock_;
  AnswerStore store_;
};

}  // namespace polaris
