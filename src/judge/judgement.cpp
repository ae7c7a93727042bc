#include "judge/judgement.h"

#include <cmath>

#include "base/sha256.h"
#include "judge/lexical_judge.h"
#include "judge/messages.h"

namespace polaris {

std::string prompt_hash(const JudgeRequest& request, const JudgeConfig& config,
                        const JudgeSetup& setup) {
  return sha256_hex(judge_user_message(request.prompt, request.story, config.user_message,
                                       setup.length_sentence));
}

JudgementRecord blank_record(const JudgeRequest& request, const JudgeConfig& config,
                             const JudgeSetup& setup) {
  const bool is_http = config.kind == JudgeKind::kHttp;
  const auto index = [](auto value) { return static_cast<std::size_t>(value); };
  JudgementRecord record{.run_id = setup.run_id, .task = "story_quality", .item_id = request.uid};
  record.judge.provider = is_http ? enum_names(config.dialect)[index(config.dialect)]
                                  : enum_names(config.kind)[index(config.kind)];
  if (is_http) {
    record.judge.model = config.model;
    record.judge.effort = config.thinking;
    record.judge.temperature = config.temperature;
  }
  if (config.kind == JudgeKind::kLexical) record.judge.model = kLexicalJudgeName;
  return record;
}

std::vector<JudgementRecord> records_of(const JudgeReply& reply, const JudgeRequest& request,
                                        const JudgeConfig& config, const JudgeSetup& setup) {
  std::vector<JudgementRecord> records;
  for (const auto& record : reply.records) records.push_back(*record);
  const std::string hash = prompt_hash(request, config, setup);
  for (JudgementRecord& record : records) record.prompt_hash = hash;
  if (!records.empty()) return records;
  JudgementRecord record = blank_record(request, config, setup);
  record.prompt_hash = hash;
  if (reply.verdict)
    record.scores =
        scores_json(setup.rubric, *reply.verdict, rubric_score(*reply.verdict, setup.score_rule));
  record.failure = reply.failure;
  record.flags = reply.flags;
  if (config.kind == JudgeKind::kLexical && reply.verdict) {
    record.parsed = lexical_answer_object(read_lexically(request), setup.rubric);
    record.raw_text = dump_json(record.parsed);
  }
  records.push_back(std::move(record));
  return records;
}

void put_grade(const Grade& grade, JudgeReply& reply) {
  reply.verdict = grade.verdict;
  reply.failure = grade.failure;
  reply.message = grade.message;
  reply.flags = grade.flags;
  reply.quotes_verified = grade.quotes_verified;
  reply.quotes_checked = grade.quotes_checked;
}

void put_grade(Grade grade, const JudgeSetup& setup, JudgementRecord& record) {
  record.failure = grade.failure;
  record.flags = std::move(grade.flags);
  record.parsed = std::move(grade.parsed);
  record.scores = nullptr;
  if (grade.verdict)
    record.scores =
        scores_json(setup.rubric, *grade.verdict, rubric_score(*grade.verdict, setup.score_rule));
}

namespace {

Spread spread_of(const std::vector<double>& scores) {
  Spread spread{.count = static_cast<int>(scores.size())};
  for (const double score : scores) spread.mean += score / spread.count;
  if (scores.size() < 2) return spread;
  for (const double score : scores) spread.sd += (score - spread.mean) * (score - spread.mean);
  spread.sd = std::sqrt(spread.sd / (spread.count - 1));
  return spread;
}

}  // namespace

Spread spread_of(const JudgeReply& reply, const ScoreRule& rule) {
  std::vector<double> scores;
  if (reply.verdict) scores.push_back(rubric_score(*reply.verdict, rule).overall);
  for (const Verdict& verdict : reply.further)
    scores.push_back(rubric_score(verdict, rule).overall);
  return spread_of(scores);
}

std::map<std::string, Spread> spread_by_judge(const JudgeReply& reply) {
  std::map<std::string, std::vector<double>> scores;
  for (const auto& record : reply.records) {
    if (!record->scores.is_null())
      scores[record->judge.model].push_back(record->scores.at("overall").get<double>());
  }
  std::map<std::string, Spread> spreads;
  for (const auto& [model, overall] : scores) spreads[model] = spread_of(overall);
  return spreads;
}

Json to_json(const Spread& spread) {
  return {{"answers", spread.count}, {"mean", spread.mean}, {"sd", spread.sd}};
}

Json to_json(const std::map<std::string, Spread>& spreads) {
  Json json = Json::object();
  for (const auto& [model, spread] : spreads) json[model] = to_json(spread);
  return json;
}

}  // namespace polaris
