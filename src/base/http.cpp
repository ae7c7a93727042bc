#include "base/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace polaris {
namespace {

/// A URL taken apart by libcurl, so that we and it agree on what is host and what is path.
class ParsedUrl {
 public:
  explicit ParsedUrl(const std::string& url)
      : parts_(curl_url()), error_(curl_url_set(parts_.get(), CURLUPART_URL, url.c_str(), 0)) {}

  CURLUcode error() const { return error_; }

  /// "" if the URL has no such part.
  std::string part(CURLUPart which) const {
    char* text = nullptr;
    if (curl_url_get(parts_.get(), which, &text, 0) != CURLUE_OK) return "";
    std::string copy = text;
    curl_free(text);
    return copy;
  }

 private:
  struct Free {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  };
  std::unique_ptr<CURLU, Free> parts_;
  CURLUcode error_;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// A "token" of RFC 9110: what methods and header names are made of.
bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kInvalidConfig, message);
}

void validate_url(const std::string& url) {
  // A URL that cannot be taken apart is not shown: no telling which part of it is a secret.
  if (std::any_of(url.begin(), url.end(), [](char c) { return is_control(c) || c == ' '; }))
    refuse("a URL holds a blank, a line break or another control character; write it as %20 or so");
  const ParsedUrl parsed(url);
  if (parsed.error() != CURLUE_OK)
    refuse(fmt::format("a URL is not valid ({}); it must look like https://host/path",
                       curl_url_strerror(parsed.error())));
  const std::string scheme = parsed.part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    refuse(fmt::format("{}: only http:// and https:// are allowed", redacted_url(url)));
}

}  // namespace

std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name) {
  for (const HttpHeader& header : headers)
    if (same_ignoring_case(header.name, name)) return header.value;
  return std::nullopt;
}

void validate(const HttpRequest& request) {
  validate_url(request.url);
  const std::string url = redacted_url(request.url);
  if (!is_token(request.method))
    refuse(fmt::format("{}: the HTTP method is not a word such as GET or POST", url));
  for (const HttpHeader& header : request.headers) {
    if (!is_token(header.name))
      refuse(fmt::format("{}: a header name holds a character that no header name may have", url));
    if (std::any_of(header.value.begin(), header.value.end(),
                    [](char c) { return is_control(c) && c != '\t'; }))
      refuse(fmt::format("{}: the value of header {} holds a line break or control character", url,
                         header.name));
  }
  if (!(request.deadline_s > 0.0) || !(request.connect_timeout_s > 0.0))
    refuse(fmt::format("{}: deadline and connect timeout must be greater than 0 s", url));
}

std::string redacted_url(std::string_view url) {
  const auto scheme_end = url.find("://");
  const auto host_begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const auto query = std::min(url.find_first_of("?#", host_begin), url.size());
  const auto host_end = std::min(url.find('/', host_begin), query);
  const auto user_end = url.substr(0, host_end).rfind('@');
  const auto shown_begin =
      user_end == std::string_view::npos ? host_begin : std::max(user_end + 1, host_begin);
  return fmt::format("{}{}{}", url.substr(0, host_begin),
                     url.substr(shown_begin, query - shown_begin),
                     query == url.size() ? "" : "?...");
}

bool is_loopback_url(const std::string& url) {
  const std::string host = ParsedUrl(url).part(CURLUPART_HOST);
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "[::1]" || same_ignoring_case(host, "localhost");
}

std::optional<double> parse_http_date(std::string_view text) {
  constexpr std::size_t kLongest = 64;  // the three forms of RFC 9110 have 24 to 33 characters
  if (text.size() > kLongest) return std::nullopt;
  const time_t time = curl_getdate(std::string(text).c_str(), nullptr);
  if (time < 0) return std::nullopt;
  return static_cast<double>(time);
}

}  // namespace polaris
