// The nouns of HTTP as a client sees it: request, response, failure, result.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace polaris {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// In the order of the wire; a name may stand more than once.
using HttpHeaders = std::vector<HttpHeader>;

/// The value of the first header of that name. Case does not matter: "retry-after".
std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name);

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://
  HttpHeaders headers;
  std::string body;
  double deadline_s = 600.0;        ///< of the whole call: waiting for a connection included
  double connect_timeout_s = 20.0;  ///< name look-up, connection and TLS handshake
  std::size_t max_response_bytes = 64U << 20;  ///< of the body, after decompression

  /// If set, the body of a 2xx answer goes here piece by piece, as it arrives, on the loop thread,
  /// and HttpResponse::body stays empty. False stops the transfer, which then ends kCancelled.
  std::function<bool(std::string_view)> on_data;
};

/// An answer of whatever status: 404 and 500 are answers. Redirects are not followed (an API key
/// must not travel to another host): a 3xx is returned with its Location.
struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;      ///< decompressed; `headers` still describe what was sent
  double seconds = 0.0;  ///< from submit to the last byte
};

enum class HttpFailureKind {
  kConnect,  ///< no connection (unknown host, refused, too slow, proxy says no): nothing was sent
  kTls,      ///< the server's certificate or its TLS was refused: nothing was sent
  kTimeout,  ///< deadline_s passed; the server may have done the work
  kDisconnected,  ///< the connection broke; the server may have done the work
  kTooLarge,      ///< more than max_response_bytes, or endless headers
  kProtocol,      ///< what came is not HTTP
  kCancelled,     ///< by cancel(), by on_data, or because the client ended: not to be retried
};

struct HttpFailure {
  HttpFailureKind kind = HttpFailureKind::kProtocol;
  std::string message;  ///< "POST https://host/path?...: why"; holds no header value and no query
};

using HttpResult = std::variant<HttpResponse, HttpFailure>;

/// @throws Error{kInvalidConfig} for what must not go on the wire: a URL that is not http(s), a
/// line
///         break or another control character in URL, method or header, a limit that is not
///         positive
void validate(const HttpRequest& request);

/// The URL as messages may show it: without user, password, query and fragment, since API keys live
/// there. "https://u:p@host/v1?key=K" becomes "https://host/v1?...".
std::string redacted_url(std::string_view url);

/// True if the host of `url` can only be this machine: "localhost", 127.0.0.0/8 or [::1].
bool is_loopback_url(const std::string& url);

/// Seconds since 1970-01-01 UTC of an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"), as Retry-After
/// and Date carry it.
std::optional<double> parse_http_date(std::string_view text);

}  // namespace polaris
