// From a judge's reply to the lines that are kept of it, and back.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "judge/grade.h"
#include "judge/judge_config.h"
#include "judge/judgement_record.h"
#include "judge/rubric.h"
#include "text/length_sentence.h"

namespace polaris {

/// What all judges of a run share.
struct JudgeSetup {
  Rubric rubric;
  TotalsRule totals = TotalsRule::kRecomputed;
  LengthSentenceRule length_sentence = LengthSentenceRule::kThatSentence;
  ScoreRule score_rule;
  std::string run_id;  ///< names the run in records; what it has spent counts against its budget
};

/// SHA-256 of the message with prompt and story: names the question, whoever is asked.
std::string prompt_hash(const JudgeRequest& request, const JudgeConfig& config,
                        const JudgeSetup& setup);

/// A record of `request` without an answer yet: what is known before anybody is asked, but for the
/// prompt_hash.
JudgementRecord blank_record(const JudgeRequest& request, const JudgeConfig& config,
                             const JudgeSetup& setup);

/// The records of a reply, with the prompt_hash that they lack there. Text statistics keep none:
/// theirs is made here, in the form of an LLM's answer.
std::vector<JudgementRecord> records_of(const JudgeReply& reply, const JudgeRequest& request,
                                        const JudgeConfig& config, const JudgeSetup& setup);

/// Puts a grade into a reply, or into a record: verdict and scores, or the failure.
void put_grade(const Grade& grade, JudgeReply& reply);
void put_grade(Grade grade, const JudgeSetup& setup, JudgementRecord& record);

/// How much the answers of one reply differ.
struct Spread {
  double mean = 0.0;  ///< of the overall scores
  double sd = 0.0;    ///< with n - 1; 0 for one answer
  int count = 0;
};
Spread spread_of(const JudgeReply& reply, const ScoreRule& rule);

/// The same of every judge of a panel, by its model, as far as its answers have scores.
std::map<std::string, Spread> spread_by_judge(const JudgeReply& reply);

/// {"answers", "mean", "sd"}, and such an object per model.
Json to_json(const Spread& spread);
Json to_json(const std::map<std::string, Spread>& spreads);

}  // namespace polaris
