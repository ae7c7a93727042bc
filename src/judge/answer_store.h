#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "judge/database.h"
#include "judge/judgement.h"
#include "judge/model_answer.h"
#include "judge/owner_lock.h"

namespace polaris {

/// One call of a judging model, as it is stored.
struct StoredCall {
  std::string request_hash;
  std::string run_id;
  int attempt = 1;
  std::string started_at;               ///< "2026-06-04T09:05:00Z"
  double max_cost_usd = 0.0;            ///< the most it can cost; 0 where the price is not known
  std::optional<ModelAnswer> answer;    ///< absent: no model's answer came
  std::optional<JudgeFailure> failure;  ///< as it was graded then
  std::string message;
  std::optional<double> cost_usd;  ///< absent: not known
  std::optional<std::string> price_date;
  double latency_s = 0.0;
  bool maybe_billed =
      false;  ///< no answer came, and the vendor may have done the work all the same
};

/// The record of a call, graded.
JudgementRecord record_of(const StoredCall& call, Grade grade, const JudgeRequest& request,
                          const JudgeConfig& config, const JudgeSetup& setup);

/// Everything that was ever asked and answered, in one SQLite file shared by all runs and
/// processes, so that no answer is paid for twice:
///
///   claim     one process at a time asks a question; a dead one's claim is void
///   begin     the call's intent, before it goes out
///   finish    what came of it, with the raw answer
///
/// An intent without an end, left by a process that was killed, may have been charged.
/// Any thread may call any function. All throw Error{kIo}.
class AnswerStore {
 public:
  /// @throws Error{kInvalidData} if the file is something else or of a newer program
  explicit AnswerStore(const std::filesystem::path& file);

  /// The model's answers to a question, oldest first, good or not.
  std::vector<StoredCall> answers(const std::string& request_hash);

  /// Takes the right to ask. False while another living process has it.
  bool claim(const std::string& request_hash);
  void release(const std::string& request_hash);

  /// Writes an intent down. @return names the call
  std::int64_t begin(const StoredCall& intent);
  void finish(std::int64_t call, const StoredCall& result);

  struct Spending {
    double usd = 0.0;           ///< of answered calls
    double possible_usd = 0.0;  ///< the most that calls without an answer may have cost
    std::int64_t possible_calls = 0;
  };
  Spending spending(const std::string& run_id);

  /// What is known of a server: how it takes the answer's form. See FormMemory.
  struct KnownForm {
    std::string form;
    double learned_wall_s = 0.0;
  };
  std::optional<KnownForm> known_form(const std::string& server);
  void set_known_form(const std::string& server, const KnownForm& known);

 private:
  std::mutex mutex_;
  OwnerLock owner_;
  Database database_;
  Database::Statement select_answers_;
  Database::Statement select_claim_;
  Database::Statement insert_claim_;
  Database::Statement delete_claim_;
  Database::Statement insert_call_;
  Database::Statement update_call_;
};

/// judge.cache, or judge.db in the user's cache folder: $XDG_CACHE_HOME/polaris, else
/// ~/.cache/polaris. @throws Error{kInvalidConfig} if neither is known
std::filesystem::path answer_store_path(const std::string& configured);

}  // namespace polaris
