#include "base/http_transfer.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256U << 10;

struct FreeEasy {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(handle, option, value);
  POLARIS_CHECK(code == CURLE_OK, "curl option {}: {}", static_cast<int>(option),
                curl_easy_strerror(code));
}

HttpFailureKind kind_of(CURLcode code, bool was_sent) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_OPERATION_TIMEDOUT:  // of connecting: libcurl keeps no other time limit for us
      return HttpFailureKind::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return HttpFailureKind::kTls;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return was_sent ? HttpFailureKind::kDisconnected : HttpFailureKind::kConnect;
    case CURLE_FILESIZE_EXCEEDED:
      return HttpFailureKind::kTooLarge;
    default:
      return HttpFailureKind::kProtocol;
  }
}

/// libcurl's own words for what went wrong. They can quote the peer (names in a certificate), so
/// only those about reaching it are used, and nothing in them can steer a terminal.
std::string explanation(CURLcode code, HttpFailureKind kind, const char* details) {
  const bool reaching = kind == HttpFailureKind::kConnect || kind == HttpFailureKind::kTls;
  std::string text = reaching && *details != '\0' ? details : curl_easy_strerror(code);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return text;
}

/// "Name: value" as libcurl wants it; "Name;" is how it spells an empty value.
std::string header_line(const HttpHeader& header) {
  return header.value.empty() ? header.name + ";" : header.name + ": " + header.value;
}

}  // namespace

struct HttpTransfer::State {
  HttpRequest request;
  HttpResponse response;
  std::size_t header_bytes = 0;
  std::size_t body_bytes = 0;
  std::optional<HttpFailure> stopped;  // why we told libcurl to stop
  std::exception_ptr callback_error;
  std::array<char, CURL_ERROR_SIZE> details{};
  std::unique_ptr<curl_slist, FreeList> header_list;
  std::unique_ptr<CURL, FreeEasy> handle;  // last: destroyed before what it points to

  HttpFailure failure(HttpFailureKind kind, std::string_view why) const {
    return {kind, fmt::format("{} {}: {}", request.method, redacted_url(request.url), why)};
  }

  /// Returns what tells libcurl to give up.
  std::size_t stop(HttpFailureKind kind, std::string_view why) {
    stopped = failure(kind, why);
    return CURL_WRITEFUNC_ERROR;
  }

  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(header_list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)header_list.release();  // now the head of `longer`
    header_list.reset(longer);
  }

  std::size_t on_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes)
      return stop(HttpFailureKind::kTooLarge,
                  fmt::format("more than {} of headers", human_bytes(kMaxHeaderBytes)));
    const auto colon = line.find(':');
    if (line.starts_with("HTTP/")) {  // those before belonged to a 1xx answer
      response.headers.clear();
    } else if (colon != std::string_view::npos) {
      response.headers.push_back(
          {std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
    }
    return line.size();
  }

  std::size_t on_body(std::string_view piece) {
    body_bytes += piece.size();
    if (body_bytes > request.max_response_bytes)
      return stop(HttpFailureKind::kTooLarge,
                  fmt::format("the answer has more than {} bytes", request.max_response_bytes));
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (!request.on_data || status / 100 != 2) {
      response.body += piece;
    } else if (!request.on_data(piece)) {
      return stop(HttpFailureKind::kCancelled, "stopped by its reader");
    }
    return piece.size();
  }

  /// The two functions that libcurl calls: no exception may pass through its C frames.
  template <std::size_t (State::*receive)(std::string_view)>
  static std::size_t receiver(char* data, std::size_t size, std::size_t count, void* self) {
    auto* state = static_cast<State*>(self);
    try {
      return (state->*receive)({data, size * count});
    } catch (...) {
      state->callback_error = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
  }

  void set_limits_and_safety(const std::optional<std::filesystem::path>& ca_file) {
    CURL* h = handle.get();
    set(h, CURLOPT_NOSIGNAL, 1L);
    // A name look-up runs in a thread of libcurl. When its request has ended, leave it behind: to
    // wait for it would stop every other request for as long as a name server is silent.
    set(h, CURLOPT_QUICK_EXIT, 1L);
    const double connect_s = std::clamp(request.connect_timeout_s, 0.001, 86400.0);
    set(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::ceil(connect_s * 1000.0)));
    set(h, CURLOPT_TCP_KEEPALIVE, 1L);  // a judge thinks for minutes: keep NAT tables awake
    set(h, CURLOPT_PROTOCOLS_STR, "http,https");
    set(h, CURLOPT_FOLLOWLOCATION, 0L);
    set(h, CURLOPT_SSL_VERIFYPEER, 1L);
    set(h, CURLOPT_SSL_VERIFYHOST, 2L);
    set(h, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (ca_file) set(h, CURLOPT_CAINFO, ca_file->c_str());
    set(h, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // no API key to a proxy
    set(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (is_loopback_url(request.url)) set(h, CURLOPT_PROXY, "");
    if (request.method != "HEAD" && request.max_response_bytes > 0)  // 0 would mean no limit
      set(h, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.max_response_bytes));
  }

  void set_request() {
    CURL* h = handle.get();
    set(h, CURLOPT_URL, request.url.c_str());
    set(h, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(h, CURLOPT_ACCEPT_ENCODING, "");  // all that this libcurl can decompress
    set(h, CURLOPT_USERAGENT, "polaris");
    const std::string& method = request.method;
    if (method == "HEAD") {
      set(h, CURLOPT_NOBODY, 1L);
    } else if (!request.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
      set(h, CURLOPT_POST, 1L);
      set(h, CURLOPT_POSTFIELDS, request.body.data());  // not copied: `request` outlives the handle
      set(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    if (method != "HEAD") set(h, CURLOPT_CUSTOMREQUEST, method.c_str());
    for (const HttpHeader& header : request.headers) add_header(header_line(header));
    // libcurl's own ideas for requests with a body: a form, and a pause before large ones.
    if (!find_header(request.headers, "Content-Type")) add_header("Content-Type:");
    add_header("Expect:");
    set(h, CURLOPT_HTTPHEADER, header_list.get());
  }
};

HttpTransfer::HttpTransfer(HttpRequest request, const std::optional<std::filesystem::path>& ca_file)
    : state_(std::make_unique<State>()) {
  validate(request);
  State& state = *state_;
  state.request = std::move(request);
  state.handle.reset(curl_easy_init());
  if (state.handle == nullptr) throw std::bad_alloc();
  CURL* h = state.handle.get();
  set(h, CURLOPT_ERRORBUFFER, state.details.data());
  set(h, CURLOPT_HEADERFUNCTION, &State::receiver<&State::on_header>);
  set(h, CURLOPT_HEADERDATA, static_cast<void*>(&state));
  set(h, CURLOPT_WRITEFUNCTION, &State::receiver<&State::on_body>);
  set(h, CURLOPT_WRITEDATA, static_cast<void*>(&state));
  state.set_limits_and_safety(ca_file);
  state.set_request();
}

HttpTransfer::~HttpTransfer() = default;

void* HttpTransfer::handle() const { return state_->handle.get(); }

HttpResult HttpTransfer::result(int curl_code, double seconds) {
  State& state = *state_;
  if (state.callback_error != nullptr)
    return state.failure(HttpFailureKind::kCancelled, "its reader failed");
  if (state.stopped) return *std::move(state.stopped);
  const auto code = static_cast<CURLcode>(curl_code);
  if (code != CURLE_OK) {
    curl_off_t ready_us = 0;  // when the request could go out; stays 0 if it never could
    curl_easy_getinfo(state.handle.get(), CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    const HttpFailureKind kind = kind_of(code, ready_us > 0);
    return state.failure(kind, explanation(code, kind, state.details.data()));
  }
  long status = 0;
  curl_easy_getinfo(state.handle.get(), CURLINFO_RESPONSE_CODE, &status);
  state.response.status = static_cast<int>(status);
  state.response.seconds = seconds;
  return std::move(state.response);
}

HttpFailure HttpTransfer::failure(HttpFailureKind kind, std::string_view why) const {
  return state_->failure(kind, why);
}

const HttpRequest& HttpTransfer::request() const { return state_->request; }

std::exception_ptr HttpTransfer::callback_error() const { return state_->callback_error; }

}  // namespace polaris
