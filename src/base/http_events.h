#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace polaris {

/// Waits for the sockets of one libcurl multi handle (a CURLM*) and tells libcurl which of them are
/// ready. The system keeps the list of sockets (epoll), so that a turn costs what has happened and
/// not what is in flight. Loop thread only, but for wake(). Must outlive the multi handle.
class HttpEvents {
 public:
  /// @throws Error{kIo} if the system gives no file descriptors
  HttpEvents();
  ~HttpEvents();
  HttpEvents(const HttpEvents&) = delete;
  HttpEvents& operator=(const HttpEvents&) = delete;

  /// Makes libcurl report its sockets here. Once, before the first transfer.
  void watch(void* multi);

  /// Returns when a socket is ready, when libcurl has something to do, after wake(), or after
  /// `longest_s`.
  void wait(double longest_s);

  /// Lets libcurl do what the last wait() found, and what its own timers ask for.
  void perform();

  /// Ends wait(), or the next one if there is none. Any thread.
  void wake() const;

 private:
  struct Callbacks;
  struct Ready {
    int socket = -1;
    int what = 0;  // CURL_CSELECT_*
  };

  const SystemClock clock_;
  int epoll_ = -1;
  int wake_up_ = -1;  // an eventfd
  void* multi_ = nullptr;
  std::optional<double> due_s_;  // libcurl's next timer
  std::vector<Ready> ready_;
};

}  // namespace polaris
