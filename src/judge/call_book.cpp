#include "judge/call_book.h"

#include <fmt/format.h>

#include <algorithm>

namespace polaris {
namespace {

double seconds_of(const HttpResult& result) {
  const auto* response = std::get_if<HttpResponse>(&result);
  return response == nullptr ? 0.0 : response->seconds;
}

/// Whether the vendor may have done the work though no answer came.
bool may_be_billed(const HttpResult& result) {
  const auto* failure = std::get_if<HttpFailure>(&result);
  if (failure == nullptr) return std::get<HttpResponse>(result).status / 100 == 2;
  return failure->kind != HttpFailureKind::kConnect && failure->kind != HttpFailureKind::kTls;
}

}  // namespace

CallBook::CallBook(const JudgeConfig& config, const JudgeSetup& setup, const CallWriter& writer,
                   const Clock& clock)
    : config_(config),
      setup_(setup),
      writer_(writer),
      clock_(clock),
      store_(answer_store_path(config.cache)) {}

std::optional<JudgeReply> CallBook::stored_reply(const Errand& errand) {
  for (const StoredCall& stored : store_.answers(errand.hash)) {
    Grade grade = grade_answer(*stored.answer, errand.request.story, setup_.rubric, grade_rule());
    if (!grade.verdict) continue;
    JudgeReply reply = errand.reply;
    put_grade(grade, reply);
    reply.records = {record(errand, stored, std::move(grade))};
    reply.cached = true;
    reply.attempts = std::max(1, reply.attempts);
    return reply;
  }
  return std::nullopt;
}

void CallBook::begin(Call& call, double most_usd) {
  call.stored = {.request_hash = call.errand->hash,
                 .run_id = setup_.run_id,
                 .attempt = ++call.errand->reply.attempts,
                 .started_at = utc_text(clock_.wall_s()),
                 .max_cost_usd = most_usd};
  call.id = store_.begin(call.stored);
}

double CallBook::finish(const Call& call, const Attempt& attempt, const HttpResult& result) {
  StoredCall stored = call.stored;
  stored.answer = attempt.answer;
  stored.failure = attempt.grade.failure;
  stored.message = attempt.grade.message;
  stored.latency_s = seconds_of(result);
  stored.maybe_billed = !attempt.answer && may_be_billed(result);
  double charged = stored.maybe_billed ? stored.max_cost_usd : 0.0;
  JudgeReply& reply = call.errand->reply;
  if (attempt.answer) {
    stored.cost_usd = writer_.cost_usd(*attempt.answer, call.tier);
    stored.price_date = writer_.price_date();
    charged = stored.cost_usd.value_or(stored.max_cost_usd);
    add(reply.usage, attempt.answer->usage);
    reply.cost_usd += stored.cost_usd.value_or(0.0);
  }
  reply.latency_s = stored.latency_s;
  put_grade(attempt.grade, reply);
  reply.records = {record(*call.errand, stored, attempt.grade)};
  store_.finish(call.id, stored);
  return charged;
}

std::shared_ptr<const JudgementRecord> CallBook::record(const Errand& errand,
                                                        const StoredCall& call, Grade grade) const {
  return std::make_shared<const JudgementRecord>(
      record_of(call, std::move(grade), errand.request, config_, setup_));
}

std::string CallBook::server_name() const {
  return fmt::format("{} {}", config_.base_url, config_.model);
}

void CallBook::recall(FormMemory& form) {
  constexpr double kOldest_s = 7 * 86400.0;  // servers are updated
  const auto known = store_.known_form(server_name());
  if (known && clock_.wall_s() - known->learned_wall_s < kOldest_s) form.recall(known->form);
}

void CallBook::remember(const FormMemory& form) {
  store_.set_known_form(server_name(), {.form = form.name(), .learned_wall_s = clock_.wall_s()});
}

}  // namespace polaris
