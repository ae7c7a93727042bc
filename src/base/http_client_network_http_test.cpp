// Certificates and proxies: who the client believes it talks to, and through whom.
#include <stdlib.h>  // setenv is POSIX, not standard C++

#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/http_client.h"
#include "base/http_test_helpers.h"
#include "base/loopback_server.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

Reply ok(const ServerRequest&) { return {.body = "ok"}; }

HttpClientOptions trusting(const LoopbackServer& server, const TempFolder& folder) {
  const auto path = folder / "ca.pem";
  std::ofstream(path) << server.certificate_pem();
  return {.ca_file = path};
}

TEST(HttpClientTls, RefusesACertificateThatNobodyVouchesFor) {
  LoopbackServer server(ok, "127.0.0.1");
  HttpClient client;
  const HttpFailure failure = failure_of(client.fetch({.url = server.url("/?key=s3cret")}));
  EXPECT_EQ(failure.kind, HttpFailureKind::kTls) << failure.message;
  EXPECT_NE(failure.message.find("certificate"), std::string::npos) << failure.message;
  EXPECT_EQ(failure.message.find("s3cret"), std::string::npos) << failure.message;
  EXPECT_EQ(server.request_count(), 0U);
}

TEST(HttpClientTls, AcceptsACertificateOfTheGivenFile) {
  LoopbackServer server([](const ServerRequest& r) -> Reply { return {.body = r.body}; },
                        "127.0.0.1");
  const TempFolder folder;
  HttpClient client(trusting(server, folder));
  const std::string story(1 << 20, 's');
  for (int i = 0; i < 2; ++i) {
    const HttpRequest request{.method = "POST", .url = server.url(), .body = story};
    EXPECT_EQ(response_of(client.fetch(request)).body, story);
  }
  EXPECT_EQ(server.connection_count(), 1U);
}

TEST(HttpClientTls, RefusesAGoodCertificateOfAnotherHost) {
  LoopbackServer server(ok, "judge.example");
  const TempFolder folder;
  HttpClient client(trusting(server, folder));
  EXPECT_EQ(failure_of(client.fetch({.url = server.url()})).kind, HttpFailureKind::kTls);
  EXPECT_EQ(server.request_count(), 0U);
}

TEST(HttpClientTls, BytesBeyondTheContentLengthAreNotTakenForTheNextAnswer) {
  LoopbackServer server(
      [](const ServerRequest& request) -> Reply {
        if (request.target == "/good") return {.body = "ok"};
        return {.body = "shortHTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nevil", .content_length = 5};
      },
      "127.0.0.1");
  const TempFolder folder;
  HttpClient client(trusting(server, folder));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(response_of(client.fetch({.url = server.url("/bad")})).body, "short");
    EXPECT_EQ(response_of(client.fetch({.url = server.url("/good")})).body, "ok");
  }
}

TEST(HttpClientTls, MissingCertificateFileIsNamedAtOnce) {
  try {
    HttpClient client({.ca_file = "/no/such/ca.pem"});
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kIo);
    EXPECT_NE(std::string(e.what()).find("/no/such/ca.pem"), std::string::npos);
  }
}

/// A server that stands in for a proxy and keeps what it was asked. The proxy variables of the
/// environment are cleared for the test and put back afterwards.
class HttpClientProxy : public testing::Test {
 protected:
  HttpClientProxy() {
    for (const char* name : kVariables) {
      const char* value = ::getenv(name);
      saved_.push_back(value == nullptr ? std::nullopt : std::optional<std::string>(value));
      ::unsetenv(name);
    }
  }
  ~HttpClientProxy() override {
    for (std::size_t i = 0; i < saved_.size(); ++i) {
      ::unsetenv(kVariables[i]);
      if (saved_[i]) ::setenv(kVariables[i], saved_[i]->c_str(), 1);
    }
  }

  std::vector<ServerRequest> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  LoopbackServer proxy{[this](const ServerRequest& request) -> Reply {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request);
    if (request.method == "CONNECT") return {.status = 403};
    return {.body = "by proxy"};
  }};

 private:
  static constexpr const char* kVariables[] = {
      "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};
  std::vector<std::optional<std::string>> saved_;
  std::mutex mutex_;
  std::vector<ServerRequest> asked_;
};

TEST_F(HttpClientProxy, HttpProxyIsAskedWithTheWholeUrl) {
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  HttpClient client;
  EXPECT_EQ(response_of(client.fetch({.url = "http://judge.invalid/v1?x=1"})).body, "by proxy");
  ASSERT_EQ(asked().size(), 1U);
  EXPECT_EQ(asked()[0].target, "http://judge.invalid/v1?x=1");
}

TEST_F(HttpClientProxy, HttpsProxyGetsATunnelRequestWithoutTheKey) {
  ::setenv("https_proxy", proxy.url("").c_str(), 1);
  HttpClient client;
  const HttpFailure failure = failure_of(client.fetch(
      {.url = "https://judge.invalid/v1", .headers = {{"Authorization", "Bearer s3cret"}}}));
  EXPECT_EQ(failure.kind, HttpFailureKind::kConnect) << failure.message;
  ASSERT_EQ(asked().size(), 1U);
  EXPECT_EQ(asked()[0].method, "CONNECT");
  EXPECT_EQ(asked()[0].target, "judge.invalid:443");
  EXPECT_FALSE(find_header(asked()[0].headers, "Authorization").has_value());
}

TEST_F(HttpClientProxy, NoProxyListIsReachedDirectly) {
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  ::setenv("no_proxy", "example.org,.invalid", 1);
  HttpClient client;
  const HttpFailure failure =
      failure_of(client.fetch({.url = "http://judge.invalid/", .deadline_s = 0.5}));
  EXPECT_TRUE(failure.kind == HttpFailureKind::kConnect ||  // no such host, said quickly or slowly
              failure.kind == HttpFailureKind::kTimeout)
      << failure.message;
  EXPECT_EQ(proxy.request_count(), 0U);
}

TEST_F(HttpClientProxy, ThisMachineIsNeverReachedThroughAProxy) {
  LoopbackServer local(ok);
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  HttpClient client;
  EXPECT_EQ(response_of(client.fetch({.url = local.url()})).body, "ok");
  EXPECT_EQ(proxy.request_count(), 0U);
}

}  // namespace
}  // namespace polaris
