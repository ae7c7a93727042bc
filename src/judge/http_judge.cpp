#include "judge/http_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "base/interrupt.h"
#include "base/retry.h"
#include "judge/call_book.h"
#include "judge/call_line.h"
#include "judge/rate_limit.h"
#include "judge/server_context.h"

namespace polaris {
namespace {

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

}  // namespace

/// Where stories come in, on any thread. Everything behind enter() runs on the client's loop:
/// enter -> CallLine -> start -> done -> finish, or back to enter.
class HttpJudge::Desk {
 public:
  Desk(const JudgeConfig& config, const JudgeSetup& setup, HttpJudgeParts parts, const Clock& clock)
      : config_(config),
        setup_(setup),
        clock_(clock),
        note_(std::move(parts.note)),
        writer_(config, setup, parts.prices, std::move(parts.key)),
        book_(config_, setup, writer_, clock),
        form_(config),
        line_(writer_, config.concurrency,
              parts.budget ? std::move(parts.budget) : budget_of_run(config, setup.run_id, note_)) {
    const bool may_fall_back = config.tier == JudgeTier::kFlex && config.flex_refusals > 0;
    if (config.budget_usd > 0 && (!writer_.most_usd({}, 1, config.tier) ||
                                  (may_fall_back && !writer_.most_usd({}, 1, JudgeTier::kDefault))))
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("judge.budget_usd needs the price of {}, which is not known: set "
                              "judge.prices",
                              config.model));
    if (const auto problem = writer_.too_long({}, config.max_output_tokens))
      throw Error(ErrorCode::kInvalidConfig, "no story fits: " + *problem);
    if (const auto line = parts.prices.warning(config.model, clock.wall_s())) note(*line);
    book_.recall(form_);
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
    if (auto stored = book_.stored_reply(*errand)) {
      on_reply(*std::move(stored));
      return;
    }
    errand->output_limit = config_.max_output_tokens;
    errand->tier = config_.tier;
    errand->reply.attempts = 0;
    if (const auto problem = writer_.too_long(errand->request, errand->output_limit)) {
      errand->reply.failure = JudgeFailure::kTruncated;
      errand->reply.message = *problem;
      on_reply(errand->reply);
      return;
    }
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
    for (const ErrandPtr& errand : line_.clear()) finish_stopped(errand);
  }

  bool is_stopped() const {
    const std::lock_guard lock(mutex_);
    return stop_.has_value();
  }

  void enter(const ErrandPtr& errand) {
    constexpr double kLookAgain_s = 0.25;
    if (is_stopped()) return finish_stopped(errand);
    if (!errand->is_claimed && !book_.claim(*errand)) {
      if (auto stored = book_.stored_reply(*errand)) return finish(errand, *std::move(stored));
      return enter_after(kLookAgain_s, errand);  // another process asks
    }
    if (!std::exchange(errand->is_claimed, true)) {
      if (auto stored = book_.stored_reply(*errand)) return finish(errand, *std::move(stored));
    }
    line_.add(errand);
    pump();
  }

  void pump() {
    while (!is_closing_) {
      if (!line_.is_empty() && interrupt_requested())
        return stop({ErrorCode::kInterrupted, "stopped; what was answered is stored"});
      const CallLine::Next next = line_.next(clock_.steady_s());
      if (next.stop) return stop(*next.stop);
      if (next.look_again_s) return pump_after(*next.look_again_s);
      if (!next.errand) return;
      guarded(next.errand, [&] { start(next.errand, next.most_usd); });
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
    Call call{
        .errand = errand, .form = form_.form(), .tier = errand->tier, .wave = line_.gate().start()};
    book_.begin(call, most_usd);
    client_->submit(writer_.http(errand->request, call.form, errand->output_limit, call.tier),
                    [this, call](HttpResult result) {
                      guarded(call.errand,
                              [&] { done(call, writer_.without_key(std::move(result))); });
                    });
  }

  void done(const Call& call, const HttpResult& result) {
    const Errand& errand = *call.errand;
    Attempt attempt = read_attempt(result, writer_.dialect(), errand.request.story, setup_.rubric,
                                   book_.grade_rule(), errand.output_limit,
                                   server_time_s(result, clock_.wall_s()));
    if (attempt.is_context_full) name_context(attempt);
    line_.settle(call.stored.max_cost_usd, book_.finish(call, attempt, result));
    learn(call, attempt, result);
    decide(call.errand, attempt);
    pump();
  }

  /// The server is asked once, when its context first turned out to be full.
  void name_context(Attempt& attempt) {
    if (context_tokens_)
      attempt.grade.message += fmt::format(" (it holds {} tokens)", *context_tokens_);
    else if (!std::exchange(has_asked_context_, true))
      ask_context(writer_.context_requests());
  }

  void ask_context(std::vector<HttpRequest> requests) {
    if (requests.empty() || is_closing_) return;
    HttpRequest first = std::move(requests.front());
    requests.erase(requests.begin());
    client_->submit(std::move(first), [this, rest = std::move(requests)](const HttpResult& result) {
      context_tokens_ = context_in(result, config_.model);
      if (!context_tokens_) return ask_context(rest);
      note(fmt::format("the judge's server holds {} tokens for rubric, story and answer together",
                       *context_tokens_));
    });
  }

  /// What the call says about the server.
  void learn(const Call& call, Attempt& attempt, const HttpResult& result) {
    constexpr int kEnoughFatal = 5;
    heed_rate_limit(result);
    if (attempt.answer) {
      line_.gate().succeeded();
      has_answered_ = true;
      fatal_in_a_row_ = 0;
      if (form_.answered(call.form)) book_.remember(form_);
      return;
    }
    const CallProblem& problem = *attempt.problem;
    problem.overloaded ? line_.gate().overloaded(call.wave) : line_.gate().ended();
    if (problem.overloaded && call.tier == JudgeTier::kFlex) leave_flex(*call.errand, attempt);
    if (problem.schema_refused && config_.schema == SchemaMode::kAuto) {
      if (form_.refused(call.form)) {
        book_.remember(form_);
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

  /// The flex tier refuses where it has no room; the default tier then has some, at its price.
  void leave_flex(Errand& errand, Attempt& attempt) {
    if (config_.flex_refusals == 0 || ++errand.flex_refusals < config_.flex_refusals) return;
    errand.tier = JudgeTier::kDefault;
    attempt.wait_s = 0.0;  // what the server asked for was said of the flex tier
    if (!std::exchange(has_left_flex_, true))
      note(
          fmt::format("the judge's flex tier has refused a story {} times: such stories go to the "
                      "default tier, at its price (judge.flex_refusals)",
                      errand.flex_refusals));
  }

  void heed_rate_limit(const HttpResult& result) {
    const auto* response = std::get_if<HttpResponse>(&result);
    if (response == nullptr) return;
    const double wall_s = server_time_s(result, clock_.wall_s());
    if (const auto pause_s = rate_limit_pause_s(response->headers, wall_s))
      line_.gate().close_until(clock_.steady_s() + *pause_s);
  }

  void decide(const ErrandPtr& errand, const Attempt& attempt) {
    if (attempt.grade.verdict) return finish(errand, errand->reply);
    const bool is_timeout = attempt.grade.failure == JudgeFailure::kTimeout;
    const bool is_in_class = config_.retry == JudgeRetry::kAll || is_timeout;
    const bool is_left = errand->reply.attempts < config_.max_attempts;
    const bool fits = !writer_.too_long(errand->request, attempt.next_output_limit);
    if (is_closing_ || !attempt.may_repeat || !is_in_class || !is_left || !fits)
      return finish(errand, errand->reply);
    errand->output_limit = attempt.next_output_limit;
    double wait_s = retry_delay_s(errand->reply.attempts, attempt.wait_s,
                                  config_.retry_base_delay_s, errand->hash);
    if (wait_s > kLongestOwnWait_s) {
      wait_s = std::min(wait_s, kLongestPause_s);
      line_.gate().close_until(clock_.steady_s() + wait_s);
      note(fmt::format("the judge's server asks for a pause of {:.0f} s", wait_s));
    }
    enter_after(wait_s, errand);
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
        book_.release(*errand);
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

  static constexpr double kLongestPause_s = 3600.0;

  const JudgeConfig config_;
  const JudgeSetup& setup_;
  const Clock& clock_;
  const std::function<void(const std::string&)> note_;
  const CallWriter writer_;
  CallBook book_;

  mutable std::mutex mutex_;  // guards the two below
  std::map<std::string, ErrandPtr> open_;
  std::optional<Error> stop_;
  std::atomic<bool> is_closing_ = false;

  // Of the loop thread.
  FormMemory form_;
  CallLine line_;
  bool pump_is_due_ = false;
  bool has_answered_ = false;
  bool has_left_flex_ = false;
  bool has_asked_context_ = false;
  std::optional<std::int64_t> context_tokens_;  // of the server, where it says so
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
