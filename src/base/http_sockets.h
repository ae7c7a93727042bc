#pragma once

#include <map>

namespace polaris {

/// Watches over the sockets of one HttpClient, for one purpose: an answer must never be taken for
/// the answer to another request. A server that sends more than its Content-Length leaves bytes
/// behind; libcurl 7.88 uses such a connection again and reads them as the next answer, so that a
/// verdict would be filed under the wrong story. Here a connection that was used before and has
/// bytes waiting is shut before the request goes out; libcurl then retries on a new one by itself.
/// (Bytes that arrive only after the next request has gone out cannot be told from its answer.)
///
/// Loop thread only. Must outlive the libcurl multi handle.
class HttpSockets {
 public:
  /// Installs the watch in one easy handle (a CURL*), before it starts.
  void watch(void* easy_handle);

 private:
  struct Callbacks;

  struct Socket {
    bool used = false;   // a request has gone out
    int local_port = 0;  // 0: not known yet. Asking the system about every socket takes its time
  };
  std::map<int, Socket> open_;
};

}  // namespace polaris
