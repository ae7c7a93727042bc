#include "judge/http_judge.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "base/interrupt.h"
#include "judge/answer_store.h"
#include "judge/budget.h"
#include "judge/call_gate.h"
#include "judge/call_writer.h"
#include "judge/form_memory.h"
#include "judge/retry.h"

namespace polaris {
namespace {

/// A story on its way.
struct Errand {
  JudgeRequest request;
  std::string hash;
  std::vector<OnReply> on_reply;  ///< of whoever asked the same meanwhile, the first one first
  std::int64_t output_limit = 0;
  JudgeReply reply;  ///< what it has cost so far
  bool is_claimed = false;
};
using ErrandPtr = std::shared_ptr<Errand>;

/// A call in flight.
struct Call {
  ErrandPtr errand;
  std::int64_t id = 0;  ///< in the store
  StoredCall stored;
  AnswerForm form;
  CallGate::Wave wave = 0;
};

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

/// The time by which a server's dates are to be read: its own, if it tells.
double server_time_s(const HttpResult& result, double now_wall_s) {
  const auto* response = std::get_if<HttpResponse>(&result);
  const auto date = response ? find_header(response->headers, "date") : std::nullopt;
  return date ? parse_http_date(*date).value_or(now_wall_s) : now_wall_s;
}

/// The error of a problem that no call can get around.
Error fatal_error(const HttpResult& result, const std::string& message) {
  const auto* response = std::get_if<HttpResponse>(&result);
  const bool is_ours = response && response->status != 402 && response->status != 429;
  return {is_ours ? ErrorCode::kInvalidConfig : ErrorCode::kUnavailable,
          fmt::format("the judge refuses every call: {} (judge.base_url, model, api_key_env)",
                      message)};
}

void add(JudgeUsage& sum, const JudgeUsage& usage) {
  sum.input_tokens += usage.input_tokens;
  sum.cached_input_tokens += usage.cached_input_tokens;
  sum.output_tokens += usage.output_tokens;
  sum.reasoning_tokens += usage.reasoning_tokens;
}

}  // namespace

/// All of it. Stories come in on any thread; everything behind enter() runs on the client's loop.
class HttpJudge::Desk {
 public:
  Desk(const JudgeConfig& config, const JudgeSetup& setup, HttpJudgeParts parts, const Clock& clock)
      : config_(config),
        setup_(setup),
        clock_(clock),
        note_(std::move(parts.note)),
        writer_(config, setup, parts.prices, std::move(parts.key)),
        store_(answer_store_path(config.cache)),
        form_(config),
        gate_(config.concurrency),
        budget_(config.budget_usd, spent_so_far()) {
    if (config.budget_usd > 0 && !writer_.most_usd({}, 1))
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("judge.budget_usd needs the price of {}, which is not known: set "
                              "judge.prices",
                              config.model));
    if (const auto line = parts.prices.warning(config.model, clock.wall_s())) note(*line);
    recall_form();
    parts.client.max_connections_per_host =
        std::max(parts.client.max_connections_per_host, static_cast<int>(config.concurrency));
    client_.emplace(std::move(parts.client));
  }

  ~Desk() {
    is_closing_ = true;
    client_.reset();  // from here on there is this thread only
    const auto left = std::exchange(open_, {});
    for (const auto& [hash, errand] : left) {
      errand->reply.failure = JudgeFailure::kTransport;
      errand->reply.message = "the judge was closed before it answered";
      give(*errand, errand->reply);
    }
  }

  void submit(JudgeRequest request, OnReply on_reply) {
    auto errand = std::make_shared<Errand>();
    errand->hash = writer_.hash(request);
    errand->request = std::move(request);
    if (auto stored = stored_reply(*errand)) {
      on_reply(*std::move(stored));
      return;
    }
    errand->output_limit = config_.max_output_tokens;
    errand->reply.attempts = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) throw *stop_;
      const auto [place, is_new] = open_.try_emplace(errand->hash, errand);
      place->second->on_reply.push_back(std::move(on_reply));
      if (!is_new) return;
    }
    enter_after(0.0, errand);
  }

 private:
  double spent_so_far() {
    const auto spending = store_.spending(setup_.run_id);
    if (spending.possible_calls > 0)
      note(
          fmt::format("{} earlier calls of this run ended without an answer and may have been "
                      "charged, up to ${:.4f}",
                      spending.possible_calls, spending.possible_usd));
    return spending.usd + spending.possible_usd;
  }

  void note(const std::string& line) const {
    if (note_) note_(line);
  }

  /// Runs `work` for an errand on the loop. What it throws (a full disk) stops the judge.
  template <class Work>
  void guarded(const ErrandPtr& errand, const Work& work) {
    try {
      work();
    } catch (const Error& e) {
      stop(e);
      finish_stopped(errand);
    } catch (const std::exception& e) {
      stop({ErrorCode::kInternal, e.what()});
      finish_stopped(errand);
    }
  }

  void enter_after(double seconds, const ErrandPtr& errand) {
    client_->run_after(seconds, [this, errand] { guarded(errand, [&] { enter(errand); }); });
  }

  /// Nothing goes out any more. What is in flight comes back and counts.
  void stop(const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!stop_) stop_ = error;
    }
    for (const ErrandPtr& errand : std::exchange(waiting_, {})) finish_stopped(errand);
  }

  bool is_stopped() const {
    const std::lock_guard lock(mutex_);
    return stop_.has_value();
  }

  void enter(const ErrandPtr& errand) {
    constexpr double kLookAgain_s = 0.25;
    if (is_stopped()) return finish_stopped(errand);
    if (!errand->is_claimed && !store_.claim(errand->hash)) {
      if (auto stored = stored_reply(*errand)) return finish(errand, *std::move(stored));
      return enter_after(kLookAgain_s, errand);  // another process asks
    }
    if (!std::exchange(errand->is_claimed, true)) {
      if (auto stored = stored_reply(*errand)) return finish(errand, *std::move(stored));
    }
    waiting_.push_back(errand);
    pump();
  }

  void pump() {
    while (!waiting_.empty()) {
      if (is_closing_ || !gate_.has_room()) return;
      if (interrupt_requested())
        return stop({ErrorCode::kInterrupted, "stopped; what was answered is stored"});
      if (const double wait_s = gate_.closed_until_s() - clock_.steady_s(); wait_s > 0)
        return pump_after(wait_s);
      const ErrandPtr errand = waiting_.front();
      const double most = writer_.most_usd(errand->request, errand->output_limit).value_or(0.0);
      switch (budget_.reserve(most)) {
        case Budget::Answer::kNever:
          return stop({ErrorCode::kBudget,
                       fmt::format("the next call could cost ${:.4f}, and with ${:.4f} spent that "
                                   "could exceed judge.budget_usd = {}; raise it and start the "
                                   "same command again",
                                   most, budget_.spent_usd(), budget_.limit_usd())});
        case Budget::Answer::kLater:
          return;
        case Budget::Answer::kReserved:
          break;
      }
      waiting_.pop_front();
      guarded(errand, [&] { start(errand, most); });
    }
  }

  /// The gate opens by itself; somebody must be there.
  void pump_after(double seconds) {
    if (std::exchange(pump_is_due_, true)) return;
    client_->run_after(seconds, [this] {
      pump_is_due_ = false;
      pump();
    });
  }

  void start(const ErrandPtr& errand, double most_usd) {
    Call call{.errand = errand, .form = form_.form(), .wave = gate_.start()};
    call.stored = {.request_hash = errand->hash,
                   .run_id = setup_.run_id,
                   .attempt = ++errand->reply.attempts,
                   .started_at = utc_text(clock_.wall_s()),
                   .max_cost_usd = most_usd};
    call.id = store_.begin(call.stored);
    client_->submit(writer_.http(errand->request, call.form, errand->output_limit),
                    [this, call](HttpResult result) {
                      guarded(call.errand,
                              [&] { done(call, writer_.without_key(std::move(result))); });
                    });
  }

  void done(const Call& call, const HttpResult& result) {
    Errand& errand = *call.errand;
    Attempt attempt =
        read_attempt(result, writer_.dialect(), errand.request.story, setup_.rubric, grade_rule(),
                     errand.output_limit, server_time_s(result, clock_.wall_s()));
    account(call, attempt, result);
    learn(call, attempt, result);
    decide(call.errand, attempt);
    pump();
  }

  /// Writes down what came, and what it cost.
  void account(const Call& call, const Attempt& attempt, const HttpResult& result) {
    StoredCall stored = call.stored;
    stored.answer = attempt.answer;
    stored.failure = attempt.grade.failure;
    stored.message = attempt.grade.message;
    stored.latency_s = seconds_of(result);
    stored.maybe_billed = !attempt.answer && may_be_billed(result);
    double charged = stored.maybe_billed ? stored.max_cost_usd : 0.0;
    JudgeReply& reply = call.errand->reply;
    if (attempt.answer) {
      stored.cost_usd = writer_.cost_usd(*attempt.answer);
      stored.price_date = writer_.price_date();
      charged = stored.cost_usd.value_or(stored.max_cost_usd);
      add(reply.usage, attempt.answer->usage);
      reply.cost_usd += stored.cost_usd.value_or(0.0);
    }
    budget_.settle(stored.max_cost_usd, charged);
    reply.latency_s = stored.latency_s;
    put_grade(attempt.grade, reply);
    reply.records = {recorded(*call.errand, stored, attempt.grade)};
    store_.finish(call.id, stored);
  }

  /// What the call says about the server.
  void learn(const Call& call, Attempt& attempt, const HttpResult& result) {
    constexpr int kEnoughFatal = 5;
    if (attempt.answer) {
      gate_.succeeded();
      has_answered_ = true;
      fatal_in_a_row_ = 0;
      if (form_.answered(call.form)) remember_form();
      return;
    }
    const CallProblem& problem = *attempt.problem;
    problem.overloaded ? gate_.overloaded(call.wave) : gate_.ended();
    if (problem.schema_refused && config_.schema == SchemaMode::kAuto) {
      if (form_.refused(call.form)) {
        remember_form();
        note(fmt::format("the judge's server refuses the answer's schema ({}); now: {}",
                         problem.message, form_.name()));
      }
      attempt.may_repeat = true;
      attempt.wait_s = 0.0;
    }
    if (!problem.fatal) return;
    // A server that has answered may be out of order for a moment; one that never has will not.
    if (!has_answered_ || ++fatal_in_a_row_ >= kEnoughFatal)
      return stop(fatal_error(result, problem.message));
    attempt.may_repeat = true;
  }

  void decide(const ErrandPtr& errand, const Attempt& attempt) {
    if (attempt.grade.verdict) return finish(errand, errand->reply);
    const bool is_timeout = attempt.grade.failure == JudgeFailure::kTimeout;
    const bool is_in_class = config_.retry == JudgeRetry::kAll || is_timeout;
    const bool is_left = errand->reply.attempts < config_.max_attempts;
    if (is_closing_ || !attempt.may_repeat || !is_in_class || !is_left)
      return finish(errand, errand->reply);
    errand->output_limit = attempt.next_output_limit;
    double wait_s = retry_delay_s(errand->reply.attempts, attempt.wait_s,
                                  config_.retry_base_delay_s, errand->hash);
    if (wait_s > kLongestOwnWait_s) {
      wait_s = std::min(wait_s, kLongestPause_s);
      gate_.close_until(clock_.steady_s() + wait_s);
      note(fmt::format("the judge's server asks for a pause of {:.0f} s", wait_s));
    }
    enter_after(wait_s, errand);
  }

  /// The answer that was stored once, graded by today's rules.
  std::optional<JudgeReply> stored_reply(const Errand& errand) {
    for (const StoredCall& stored : store_.answers(errand.hash)) {
      const Grade grade =
          grade_answer(*stored.answer, errand.request.story, setup_.rubric, grade_rule());
      if (!grade.verdict) continue;
      JudgeReply reply = errand.reply;
      put_grade(grade, reply);
      reply.records = {recorded(errand, stored, grade)};
      reply.cached = true;
      reply.attempts = std::max(1, reply.attempts);
      return reply;
    }
    return std::nullopt;
  }

  std::shared_ptr<const JudgementRecord> recorded(const Errand& errand, const StoredCall& call,
                                                  const Grade& grade) const {
    return std::make_shared<const JudgementRecord>(
        record_of(call, grade, errand.request, config_, setup_));
  }

  GradeRule grade_rule() const {
    return {.totals = setup_.totals, .empty_answer = config_.empty_answer};
  }

  void finish_stopped(const ErrandPtr& errand) {
    JudgeReply& reply = errand->reply;
    {
      const std::lock_guard lock(mutex_);
      reply.stop = stop_;
    }
    reply.verdict.reset();
    if (!reply.failure) reply.failure = JudgeFailure::kTransport;
    reply.message = reply.stop->what();
    finish(errand, reply);
  }

  void finish(const ErrandPtr& errand, JudgeReply reply) {
    if (reply.failure && !reply.stop) {
      const std::lock_guard lock(mutex_);
      reply.stop = stop_;
    }
    if (std::exchange(errand->is_claimed, false)) {
      try {
        store_.release(errand->hash);
      } catch (const Error& e) {  // its claim is void when this process ends
        note(e.what());
      }
    }
    {
      const std::lock_guard lock(mutex_);
      if (open_.erase(errand->hash) == 0) return;  // had its reply; nobody joins from here on
    }
    give(*errand, std::move(reply));
  }

  /// Only the first of several that asked the same is charged.
  static void give(const Errand& errand, JudgeReply reply) {
    for (const OnReply& on_reply : errand.on_reply) {
      on_reply(reply);
      reply.cost_usd = 0.0;
      reply.usage = {};
      reply.cached = true;
    }
  }

  std::string server_name() const { return fmt::format("{} {}", config_.base_url, config_.model); }

  void recall_form() {
    constexpr double kOldest_s = 7 * 86400.0;  // servers are updated
    const auto known = store_.known_form(server_name());
    if (known && clock_.wall_s() - known->learned_wall_s < kOldest_s) form_.recall(known->form);
  }

  void remember_form() {
    store_.set_known_form(server_name(), {.form = form_.name(), .learned_wall_s = clock_.wall_s()});
  }

  static constexpr double kLongestPause_s = 3600.0;

  const JudgeConfig config_;
  const JudgeSetup& setup_;
  const Clock& clock_;
  const std::function<void(const std::string&)> note_;
  const CallWriter writer_;
  AnswerStore store_;

  mutable std::mutex mutex_;  // guards the two below
  std::map<std::string, ErrandPtr> open_;
  std::optional<Error> stop_;
  std::atomic<bool> is_closing_ = false;

  // Of the loop thread.
  FormMemory form_;
  CallGate gate_;
  Budget budget_;
  std::deque<ErrandPtr> waiting_;
  bool pump_is_due_ = false;
  bool has_answered_ = false;
  int fatal_in_a_row_ = 0;

  std::optional<HttpClient> client_;
};

HttpJudge::HttpJudge(const JudgeConfig& config, const JudgeSetup& setup, HttpJudgeParts parts,
                     const Clock& clock)
    : desk_(std::make_unique<Desk>(config, setup, std::move(parts), clock)) {}

HttpJudge::~HttpJudge() = default;

void HttpJudge::submit(JudgeRequest request, OnReply on_reply) {
  desk_->submit(std::move(request), std::move(on_reply));
}

std::string key_from_environment(const JudgeConfig& config) {
  if (config.api_key_env.empty()) return "";
  const char* key = std::getenv(config.api_key_env.c_str());
  if (key == nullptr || *key == '\0')
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the environment variable {} (judge.api_key_env) is not set",
                            config.api_key_env));
  return key;
}

}  // namespace polaris
