#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "base/http.h"

namespace polaris {

/// The response in `result`; a failure fails the test, with its message.
inline HttpResponse response_of(HttpResult result) {
  if (const auto* failure = std::get_if<HttpFailure>(&result)) {
    ADD_FAILURE() << "no response: " << failure->message;
    return {};
  }
  return std::get<HttpResponse>(std::move(result));
}

/// The failure in `result`; a response fails the test.
inline HttpFailure failure_of(HttpResult result) {
  if (const auto* response = std::get_if<HttpResponse>(&result)) {
    ADD_FAILURE() << "unexpected response, status " << response->status;
    return {};
  }
  return std::get<HttpFailure>(std::move(result));
}

/// Collects what on_done callbacks are given, for a test that waits on its own thread.
class ResultBox {
 public:
  void put(HttpResult result) {
    const std::lock_guard lock(mutex_);
    results_.push_back(std::move(result));
    changed_.notify_all();
  }

  /// What has come once there are `count` results; after 10 s, what there is.
  std::vector<HttpResult> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return results_.size() >= count; });
    return results_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HttpResult> results_;
};

/// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace polaris
