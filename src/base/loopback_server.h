#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/http.h"
#include "base/loopback_stream.h"

namespace polaris {

struct ServerRequest {
  std::string method;
  std::string target;  ///< as sent: "/v1?x=1", or "http://host/v1" if we are taken for a proxy
  HttpHeaders headers;
  std::string body;
};

/// What a LoopbackServer answers, and how badly. Faults combine: a slow body may also be cut.
struct Reply {
  int status = 200;
  HttpHeaders headers;  ///< beyond Content-Length and the like, which the server adds
  std::string body;

  double delay_s = 0.0;                  ///< before the first byte
  std::function<void()> before_sending;  ///< called then, on the connection's thread; may be empty

  /// The body goes out in pieces of `bytes`, each `every_s` after the one before.
  struct Drip {
    std::size_t bytes = 1;
    double every_s = 0.01;
  };
  std::optional<Drip> drip;
  bool chunked = false;  ///< Transfer-Encoding: chunked, each piece one chunk; no Content-Length

  std::optional<std::size_t> cut_after;       ///< the connection ends after so many body bytes
  std::optional<std::size_t> content_length;  ///< a false one; if too large, the connection ends
  std::optional<std::string> raw;             ///< sent instead of HTTP; the connection ends
  bool silent = false;                        ///< no answer at all, the connection stays open
};

/// HTTP/1.1 server for tests, this machine only: bound to 127.0.0.1 on a port of the system's
/// choice. One thread per connection, so that every fault is a plain sequence of steps; good for
/// hundreds of connections. The handler is called by one thread at a time.
class LoopbackServer {
 public:
  using Handler = std::function<Reply(const ServerRequest&)>;

  /// @param tls_host  present: speak TLS, with a self-signed certificate for that address or name
  /// @throws Error{kIo} if the system gives no socket
  explicit LoopbackServer(Handler handler, const std::optional<std::string>& tls_host = {});

  /// Breaks all connections, whatever they are doing, and joins the threads.
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  int port() const { return port_; }

  /// "http://127.0.0.1:<port>" (or https) followed by `path`.
  std::string url(std::string_view path = "/") const;

  /// The certificate of a TLS server: what a client has to trust.
  const std::string& certificate_pem() const;

  /// How many requests were read completely, and how many connections they came on.
  std::size_t request_count() const;
  std::size_t connection_count() const;

  /// Waits until `count` requests were read. @return false if they were not within `timeout_s`
  bool wait_for_requests(std::size_t count, double timeout_s = 120.0) const;

 private:
  void accept_connections();
  void serve(int socket);
  Reply answer(const ServerRequest& request);
  bool send(LoopbackStream& stream, const ServerRequest& request, const Reply& reply);
  bool pause(double seconds) const;

  const Handler handler_;
  std::unique_ptr<LoopbackTls> tls_;
  int listener_ = -1;
  int stop_pipe_[2] = {-1, -1};  // closing the writing end wakes accept_connections()
  int port_ = 0;

  std::mutex handler_mutex_;
  mutable std::mutex mutex_;                 // guards this block
  mutable std::condition_variable changed_;  // a count
  mutable std::condition_variable stopped_;  // stopping_; apart, so that a pause sleeps through
  bool stopping_ = false;
  std::size_t request_count_ = 0;
  std::size_t connection_count_ = 0;
  std::set<int> open_sockets_;

  std::vector<std::thread> connections_;  // of the accepting thread, until it is joined
  std::thread acceptor_;
};

}  // namespace polaris
