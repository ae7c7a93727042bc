#pragma once

#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"

namespace polaris {

/// One request on its way through libcurl: sets up the easy handle, collects the answer within its
/// limits, and says how it ended. Knows nothing of threads, deadlines or other requests; HttpClient
/// drives it.
class HttpTransfer {
 public:
  /// @throws Error{kInvalidConfig} as validate()
  HttpTransfer(HttpRequest request, const std::optional<std::filesystem::path>& ca_file);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  /// The CURL*.
  void* handle() const;

  /// What came of it. Call once, after libcurl has finished with CURLcode `curl_code`.
  HttpResult result(int curl_code, double seconds);

  /// A failure that libcurl does not know of (deadline, cancellation), worded like all others.
  HttpFailure failure(HttpFailureKind kind, std::string_view why) const;

  const HttpRequest& request() const;

  /// What on_data threw, if it did.
  std::exception_ptr callback_error() const;

 private:
  struct State;  // stays where it is: libcurl holds its address
  std::unique_ptr<State> state_;
};

}  // namespace polaris
