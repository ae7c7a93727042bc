#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/http.h"

namespace polaris {

struct HttpClientOptions {
  /// PEM file of certificates to trust, in place of the system's bundle. Absent: the system's.
  /// Certificates are always verified; there is no switch.
  std::optional<std::filesystem::path> ca_file;

  /// Further requests to the same host and port wait for a connection (their deadline runs).
  int max_connections_per_host = 256;
};

/// Names a request for its whole life; never used twice.
using RequestId = std::uint64_t;

/// HTTP/1.1 client and timers: one event loop on one background thread, hundreds of requests in
/// flight. Connections are kept and used again. Every member may be called by any thread.
///
/// Callbacks run on the loop thread, one at a time; they may submit, cancel and set timers, and
/// must neither block nor destroy the client. They should not throw. If one does, the client
/// *fails*: the first exception is kept for callback_error(), everything in flight or submitted
/// later ends as kCancelled with the reason in its message, and timers still run. So every other
/// caller hears of it, and the owner can rethrow it.
///
/// Proxies are taken from http_proxy, https_proxy, all_proxy and no_proxy, as curl does, except
/// that loopback hosts never go through a proxy: what is meant for this machine must not leave it.
class HttpClient : public Timers {
 public:
  using OnDone = std::function<void(HttpResult)>;

  /// @throws Error{kIo} if the CA file cannot be read
  explicit HttpClient(HttpClientOptions options = {});

  /// Ends everything in flight as kCancelled, calls each on_done, drops timers, joins the thread.
  ~HttpClient() override;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Starts a request. `on_done` is called exactly once, possibly before submit() has returned.
  /// @throws Error{kInvalidConfig} as validate(); then on_done is never called
  RequestId submit(HttpRequest request, OnDone on_done);

  /// Ends a request as kCancelled unless it is done already. Does not wait for its on_done.
  void cancel(RequestId id);

  /// submit() and wait. Not for callbacks: the loop would wait for itself.
  HttpResult fetch(HttpRequest request);

  TimerId run_after(double seconds, std::function<void()> callback) override;
  bool cancel_timer(TimerId id) override;

  /// The first exception that left a callback; null while the client is sound.
  std::exception_ptr callback_error() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace polaris
