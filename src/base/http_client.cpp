#include "base/http_client.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/http_events.h"
#include "base/http_sockets.h"
#include "base/http_transfer.h"
#include "base/thread_signals.h"

namespace polaris {
namespace {

struct FreeMulti {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};

void check(CURLMcode code) {
  POLARIS_CHECK(code == CURLM_OK, "libcurl: {}", curl_multi_strerror(code));
}

void start_libcurl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);  // once per process
  POLARIS_CHECK(code == CURLE_OK, "libcurl: {}", curl_easy_strerror(code));
}

std::string what(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace

/// What other threads ask for is left under the mutex, then the loop is woken; libcurl itself is
/// touched by the loop thread alone. No lock is held while a callback runs.
class HttpClient::Loop {
 public:
  explicit Loop(HttpClientOptions options) : options_(std::move(options)) {
    start_libcurl();
    multi_.reset(curl_multi_init());
    if (multi_ == nullptr) throw std::bad_alloc();
    const long connections = std::max(options_.max_connections_per_host, 1);
    check(curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, connections));
    check(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, connections));  // kept when idle
    events_.watch(multi_.get());
    thread_ = std::thread([this] { run(); });
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake();
    thread_.join();
  }

  RequestId submit(HttpRequest request, OnDone on_done) {
    POLARIS_CHECK(on_done != nullptr, "a request needs somebody to tell");
    Call call{.transfer = std::make_unique<HttpTransfer>(std::move(request), options_.ca_file),
              .on_done = std::move(on_done),
              .started_s = clock_.steady_s()};
    RequestId id = 0;
    {
      const std::lock_guard lock(mutex_);
      id = next_id_++;
      submitted_.emplace(id, std::move(call));
    }
    wake();
    return id;
  }

  void cancel(RequestId id) {
    {
      const std::lock_guard lock(mutex_);
      cancelled_.push_back(id);
    }
    wake();
  }

  TimerId run_after(double seconds, std::function<void()> callback) {
    const TimerId id = add_timer(clock_.steady_s() + std::max(seconds, 0.0), std::move(callback));
    wake();
    return id;
  }

  bool cancel_timer(TimerId id) {
    std::function<void()> dropped;  // destroyed after the lock: what it holds may call us
    const std::lock_guard lock(mutex_);
    dropped = timers_.take(id);
    return dropped != nullptr;
  }

  std::exception_ptr callback_error() const {
    const std::lock_guard lock(mutex_);
    return callback_error_;
  }

  bool is_current_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct Call {
    std::unique_ptr<HttpTransfer> transfer;
    OnDone on_done;
    double started_s = 0.0;
    TimerId deadline = 0;
  };
  using Calls = std::map<RequestId, Call>;

  void run() {
    block_signals();
    while (!is_closing()) {
      // What is thrown here and not by a callback is our own bug, or no memory: the same rule.
      guarded([this] { turn(); });
      if (const auto error = callback_error())
        end_all(fmt::format("cancelled because a callback failed: {}", what(error)));
    }
    do {
      guarded([this] { admit(); });
      end_all("cancelled because the client was closed");
    } while (has_submitted());  // by one of the callbacks just called
  }

  void turn() {
    events_.wait(sleep_s());
    admit();
    run_due_timers();
    if (callback_error() != nullptr) return;  // nothing more is sent: run() ends what is here
    events_.perform();
    report_finished();
  }

  /// Takes over what was submitted and cancelled since the last turn.
  void admit() {
    Calls submitted;
    std::vector<RequestId> cancelled;
    {
      const std::lock_guard lock(mutex_);
      submitted.swap(submitted_);
      cancelled.swap(cancelled_);
    }
    while (!submitted.empty()) {
      const auto at = in_flight_.insert(submitted.extract(submitted.begin())).position;
      const RequestId id = at->first;
      Call& call = at->second;
      const double deadline_s = call.transfer->request().deadline_s;
      call.deadline = add_timer(call.started_s + deadline_s, [this, id, deadline_s] {
        end(id, HttpFailureKind::kTimeout, fmt::format("no complete answer in {} s", deadline_s));
      });
      sockets_.watch(call.transfer->handle());
      check(curl_multi_add_handle(multi_.get(), call.transfer->handle()));
    }
    for (const RequestId id : cancelled) end(id, HttpFailureKind::kCancelled, "cancelled");
  }

  /// Those that are due now (timers of 0 s cannot keep us here), but for a few milliseconds at
  /// most: where hundreds are due at once, what the first ones submit need not wait for the last.
  void run_due_timers() {
    constexpr double kLongest_s = 0.002;
    const double now_s = clock_.steady_s();
    while (clock_.steady_s() - now_s < kLongest_s) {
      std::function<void()> callback;
      {
        const std::lock_guard lock(mutex_);
        callback = timers_.take_due(now_s);
      }
      if (!callback) return;
      guarded(callback);
    }
  }

  void report_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      const CURLcode code = message->data.result;
      const auto call =
          std::find_if(in_flight_.begin(), in_flight_.end(), [&](const auto& id_and_call) {
            return id_and_call.second.transfer->handle() == message->easy_handle;
          });
      POLARIS_CHECK(call != in_flight_.end(), "libcurl finished a request that nobody sent");
      finish(call, call->second.transfer->result(code, clock_.steady_s() - call->second.started_s));
    }
  }

  /// Ends a request early; nothing happens if it has ended already.
  void end(RequestId id, HttpFailureKind kind, std::string_view why) {
    const auto call = in_flight_.find(id);
    if (call != in_flight_.end()) finish(call, call->second.transfer->failure(kind, why));
  }

  void end_all(std::string_view why) {
    while (!in_flight_.empty()) end(in_flight_.begin()->first, HttpFailureKind::kCancelled, why);
  }

  /// The only place where a request leaves the loop, and so the only call of on_done.
  void finish(Calls::iterator at, HttpResult result) {
    const Call call = std::move(at->second);
    in_flight_.erase(at);
    curl_multi_remove_handle(multi_.get(), call.transfer->handle());
    cancel_timer(call.deadline);
    if (const auto error = call.transfer->callback_error()) keep(error);
    guarded([&] { call.on_done(std::move(result)); });
  }

  template <class Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (...) {
      keep(std::current_exception());
    }
  }

  void keep(const std::exception_ptr& error) {
    const std::lock_guard lock(mutex_);
    if (callback_error_ == nullptr) callback_error_ = error;
  }

  TimerId add_timer(double due_s, std::function<void()> callback) {
    const std::lock_guard lock(mutex_);
    return timers_.add(due_s, std::move(callback));
  }

  /// Until the next timer.
  double sleep_s() const {
    constexpr double kLongest_s = 60.0;
    const std::lock_guard lock(mutex_);
    const double now_s = clock_.steady_s();
    const double wait_s = timers_.next_due_s().value_or(now_s + kLongest_s) - now_s;
    return std::clamp(wait_s, 0.0, kLongest_s);
  }

  bool is_closing() const {
    const std::lock_guard lock(mutex_);
    return closing_;
  }

  bool has_submitted() const {
    const std::lock_guard lock(mutex_);
    return !submitted_.empty();
  }

  /// A wake-up before the loop sleeps is not lost: the next poll returns at once.
  void wake() { events_.wake(); }

  const HttpClientOptions options_;
  const SystemClock clock_;
  HttpSockets sockets_;
  HttpEvents events_;
  std::unique_ptr<CURLM, FreeMulti> multi_;

  mutable std::mutex mutex_;  // guards this block
  RequestId next_id_ = 1;
  Calls submitted_;
  std::vector<RequestId> cancelled_;
  TimerQueue timers_;
  std::exception_ptr callback_error_;
  bool closing_ = false;

  Calls in_flight_;  // loop thread only

  std::thread thread_;
};

HttpClient::HttpClient(HttpClientOptions options) {
  if (options.ca_file && !std::ifstream(*options.ca_file))
    throw Error(ErrorCode::kIo, fmt::format("cannot read the CA file {}: does it exist?",
                                            options.ca_file->string()));
  loop_ = std::make_unique<Loop>(std::move(options));
}

HttpClient::~HttpClient() { loop_->close(); }

RequestId HttpClient::submit(HttpRequest request, OnDone on_done) {
  return loop_->submit(std::move(request), std::move(on_done));
}

void HttpClient::cancel(RequestId id) { loop_->cancel(id); }

HttpResult HttpClient::fetch(HttpRequest request) {
  POLARIS_CHECK(!loop_->is_current_thread(), "fetch() inside a callback would wait for itself");
  const auto promise = std::make_shared<std::promise<HttpResult>>();
  auto result = promise->get_future();
  submit(std::move(request), [promise](HttpResult r) { promise->set_value(std::move(r)); });
  return result.get();
}

TimerId HttpClient::run_after(double seconds, std::function<void()> callback) {
  return loop_->run_after(seconds, std::move(callback));
}

bool HttpClient::cancel_timer(TimerId id) { return loop_->cancel_timer(id); }

std::exception_ptr HttpClient::callback_error() const { return loop_->callback_error(); }

}  // namespace polaris
