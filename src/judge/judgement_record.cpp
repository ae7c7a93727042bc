#include "judge/judgement_record.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace polaris {
namespace {

/// json[key] as T; absent where it is null or missing.
template <class T>
std::optional<T> optional_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

/// 36 rather than 36.0.
Json number(double value) {
  constexpr double kLargest = 1e15;  // claimed totals may be anything
  const bool is_whole = std::abs(value) < kLargest && value == std::floor(value);
  return is_whole ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

JudgeUsage usage_from(const Json& json) {
  return {.input_tokens = json.at("input").get<std::int64_t>(),
          .cached_input_tokens = json.at("cached_input").get<std::int64_t>(),
          .output_tokens = json.at("output").get<std::int64_t>(),
          .reasoning_tokens = json.at("reasoning").get<std::int64_t>()};
}

JudgementRecord::Judge judge_from(const Json& json) {
  return {.provider = json.at("provider").get<std::string>(),
          .model = json.at("model").get<std::string>(),
          .served_model = optional_at<std::string>(json, "served_model"),
          .effort = json.at("effort").get<std::string>(),
          .temperature = json.at("temperature").get<double>(),
          .seed = optional_at<std::int64_t>(json, "seed")};
}

JudgementRecord record_from(const Json& json) {
  JudgementRecord record{.run_id = json.at("run_id").get<std::string>(),
                         .task = json.at("task").get<std::string>(),
                         .item_id = json.at("item_id"),
                         .sample = json.at("sample").get<std::int64_t>(),
                         .writer = json.at("writer").get<std::string>(),
                         .judge = judge_from(json.at("judge")),
                         .prompt_hash = json.at("prompt_hash").get<std::string>(),
                         .request_hash = json.at("request_hash").get<std::string>(),
                         .attempt = json.at("attempt").get<int>(),
                         .position = optional_at<int>(json, "position"),
                         .raw_text = json.at("raw_text").get<std::string>(),
                         .parsed = json.at("parsed"),
                         .scores = json.at("scores"),
                         .flags = json.at("flags").get<std::vector<std::string>>(),
                         .usage = usage_from(json.at("usage")),
                         .service_tier = optional_at<std::string>(json, "service_tier"),
                         .cost_usd = optional_at<double>(json, "cost_usd"),
                         .price_date = optional_at<std::string>(json, "price_date"),
                         .latency_ms = json.at("latency_ms").get<std::int64_t>(),
                         .request_id = optional_at<std::string>(json, "request_id"),
                         .started_at = json.at("started_at").get<std::string>()};
  if (const auto name = optional_at<std::string>(json, "failure")) {
    record.failure = failure_named(*name);
    if (!record.failure)
      throw Error(ErrorCode::kInvalidData, fmt::format("\"failure\": unknown class '{}'", *name));
  }
  return record;
}

}  // namespace

Json to_json(const JudgementRecord& record) {
  const JudgeUsage& usage = record.usage;
  return {{"run_id", record.run_id},
          {"task", record.task},
          {"item_id", record.item_id},
          {"sample", record.sample},
          {"writer", record.writer},
          {"judge",
           {{"provider", record.judge.provider},
            {"model", record.judge.model},
            {"served_model", or_null(record.judge.served_model)},
            {"effort", record.judge.effort},
            {"temperature", record.judge.temperature},
            {"seed", or_null(record.judge.seed)}}},
          {"prompt_hash", record.prompt_hash},
          {"request_hash", record.request_hash},
          {"attempt", record.attempt},
          {"position", or_null(record.position)},
          {"raw_text", record.raw_text},
          {"parsed", record.parsed},
          {"scores", record.scores},
          {"failure", record.failure ? Json(failure_name(*record.failure)) : Json()},
          {"flags", record.flags},
          {"usage",
           {{"input", usage.input_tokens},
            {"cached_input", usage.cached_input_tokens},
            {"output", usage.output_tokens},
            {"reasoning", usage.reasoning_tokens},
            {"total", usage.input_tokens + usage.output_tokens}}},
          {"service_tier", or_null(record.service_tier)},
          {"cost_usd", or_null(record.cost_usd)},
          {"price_date", or_null(record.price_date)},
          {"latency_ms", record.latency_ms},
          {"request_id", or_null(record.request_id)},
          {"started_at", record.started_at}};
}

JudgementRecord judgement_from_json(const Json& json, const std::string& where) {
  try {
    return record_from(json);
  } catch (const Error& e) {
    throw e.within(where);
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: not a judgement record: {}", where, e.what()));
  }
}

Json scores_json(const Rubric& rubric, const Verdict& verdict, const RubricScore& score) {
  Json points;
  if (verdict.has_all_points) {
    for (std::size_t i = 0; i < verdict.positive.size(); ++i)
      points[rubric.positive[i].key] = verdict.positive[i];
    for (std::size_t i = 0; i < verdict.negative.size(); ++i)
      points[rubric.negative[i].key] = verdict.negative[i];
  }
  return {{"points", std::move(points)},
          {"bonus", verdict.bonus},
          {"penalty", verdict.penalty},
          {"positive_total", number(score.positive)},
          {"negative_total", number(score.negative)},
          {"bonus_effective", number(score.bonus)},
          {"penalty_effective", number(score.penalty)},
          {"overall", number(score.overall)},
          {"label", quality_label(rubric, score.overall)},
          {"overall_reference_eval", number(score.overall_reference_eval)}};
}

std::optional<JudgeFailure> failure_named(std::string_view name) {
  using enum JudgeFailure;
  for (const JudgeFailure failure :
       {kTransport, kTimeout, kRefused, kBlocked, kTruncated, kUnparseable, kInvalid, kEmpty}) {
    if (failure_name(failure) == name) return failure;
  }
  return std::nullopt;
}

}  // namespace polaris
