// What a bad server can do to a client. After every fault the same client must still work.
#include <string>

#include "base/http_client.h"
#include "base/http_test_helpers.h"
#include "base/loopback_server.h"

namespace polaris {
namespace {

/// One client and one server that answers `reply` below "/bad" and "ok" everywhere else.
class HttpClientFaults : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(response_of(client.fetch({.url = server.url("/good")})).body, "ok");
  }

  HttpFailure fail(HttpRequest request = {}) {
    request.url = server.url("/bad");
    return failure_of(client.fetch(std::move(request)));
  }

  Reply reply;
  LoopbackServer server{[this](const ServerRequest& request) -> Reply {
    return request.target.starts_with("/bad") ? reply : Reply{.body = "ok"};
  }};
  HttpClient client;
};

TEST_F(HttpClientFaults, DeadlineEndsACallThatIsNeverAnswered) {
  reply.silent = true;
  const Stopwatch watch;
  EXPECT_EQ(fail({.deadline_s = 0.2}).kind, HttpFailureKind::kTimeout);
  EXPECT_GE(watch.seconds(), 0.19);
  EXPECT_LT(watch.seconds(), 2.0);
}

TEST_F(HttpClientFaults, DeadlineEndsACallThatDripsForEver) {
  reply.body = std::string(100'000, 'x');
  reply.drip = {1, 0.01};
  const Stopwatch watch;
  EXPECT_EQ(fail({.deadline_s = 0.3}).kind, HttpFailureKind::kTimeout);
  EXPECT_GE(watch.seconds(), 0.29);
  EXPECT_LT(watch.seconds(), 2.0);
}

TEST_F(HttpClientFaults, DeadlineCountsTheWaitForAConnection) {
  reply.silent = true;
  ResultBox box;
  HttpClient narrow({.max_connections_per_host = 1});
  const auto put = [&](HttpResult result) { box.put(std::move(result)); };
  narrow.submit({.url = server.url("/bad")}, put);
  ASSERT_TRUE(server.wait_for_requests(1));
  const Stopwatch watch;
  EXPECT_EQ(failure_of(narrow.fetch({.url = server.url("/good"), .deadline_s = 0.2})).kind,
            HttpFailureKind::kTimeout);
  EXPECT_LT(watch.seconds(), 2.0);
}

TEST_F(HttpClientFaults, HandshakeThatDoesNotMoveIsAConnectFailure) {
  const std::string url = "https" + server.url().substr(4);  // the server waits for HTTP, in plain
  const Stopwatch watch;
  const HttpFailure failure = failure_of(client.fetch({.url = url, .connect_timeout_s = 0.2}));
  EXPECT_EQ(failure.kind, HttpFailureKind::kConnect) << failure.message;
  EXPECT_LT(watch.seconds(), 2.0);
}

TEST_F(HttpClientFaults, RefusedConnectionIsAConnectFailure) {
  std::string url;
  {
    const LoopbackServer gone([](const ServerRequest&) -> Reply { return {}; });
    url = gone.url("/v1");
  }
  const HttpFailure failure = failure_of(client.fetch({.url = url + "?key=s3cret"}));
  EXPECT_EQ(failure.kind, HttpFailureKind::kConnect);
  EXPECT_NE(failure.message.find("GET " + url + "?...: "), std::string::npos) << failure.message;
  EXPECT_EQ(failure.message.find("s3cret"), std::string::npos) << failure.message;
}

TEST_F(HttpClientFaults, BodyLongerThanTheLimitIsRefusedByItsContentLength) {
  reply.body = std::string(1001, 'x');
  int pieces = 0;
  const HttpFailure failure =
      fail({.max_response_bytes = 1000, .on_data = [&](std::string_view) { return ++pieces > 0; }});
  EXPECT_EQ(failure.kind, HttpFailureKind::kTooLarge);
  EXPECT_EQ(pieces, 0);  // refused before the first byte of the body
}

TEST_F(HttpClientFaults, BodyWithoutALengthIsCutOffAtTheLimit) {
  reply.body = std::string(100'000, 'x');
  reply.drip = {500, 0.01};
  reply.chunked = true;
  const Stopwatch watch;
  EXPECT_EQ(fail({.max_response_bytes = 1000}).kind, HttpFailureKind::kTooLarge);
  EXPECT_LT(watch.seconds(), 1.5);  // the whole body would take 2 s
}

TEST_F(HttpClientFaults, LimitCountsDecompressedBytes) {
  // gzip of 100,000 times 'a'
  const std::string head(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2"
      "\xa0\xac\xeb\x5f\xc2\x1a\x1e\x40\x01",
      27);
  const std::string tail("\xaf\x06\x87\xfa\xe2\x1b\xa0\x86\x01\x00", 10);
  reply.headers = {{"Content-Encoding", "gzip"}};
  reply.body = head + std::string(96, '\0') + tail;
  const HttpRequest exact{.url = server.url("/bad"), .max_response_bytes = 100'000};
  EXPECT_EQ(response_of(client.fetch(exact)).body, std::string(100'000, 'a'));
  EXPECT_EQ(fail({.max_response_bytes = 99'999}).kind, HttpFailureKind::kTooLarge);
}

TEST_F(HttpClientFaults, BodyOfExactlyTheLimitIsAccepted) {
  reply.body = std::string(1000, 'x');
  const HttpRequest request{.url = server.url("/bad"), .max_response_bytes = 1000};
  EXPECT_EQ(response_of(client.fetch(request)).body, reply.body);
}

TEST_F(HttpClientFaults, LimitOfNothingAllowsOnlyAnEmptyBody) {
  const HttpRequest request{.url = server.url("/bad"), .max_response_bytes = 0};
  EXPECT_EQ(response_of(client.fetch(request)).status, 200);
  reply.body = "x";
  EXPECT_EQ(fail({.max_response_bytes = 0}).kind, HttpFailureKind::kTooLarge);
}

TEST_F(HttpClientFaults, EndlessHeadersAreRefused) {
  for (int i = 0; i < 100; ++i) reply.headers.push_back({"X-Filler", std::string(10'000, 'x')});
  EXPECT_EQ(fail().kind, HttpFailureKind::kTooLarge);
}

TEST_F(HttpClientFaults, ConnectionCutInTheBodyIsADisconnection) {
  reply.body = "a long story";
  reply.cut_after = 5;
  EXPECT_EQ(fail().kind, HttpFailureKind::kDisconnected);
}

TEST_F(HttpClientFaults, ConnectionCutInAChunkedBodyIsADisconnection) {
  reply.body = "a long story";
  reply.chunked = true;
  reply.cut_after = 5;
  EXPECT_EQ(fail().kind, HttpFailureKind::kDisconnected);
}

TEST_F(HttpClientFaults, ContentLengthThatPromisesMoreIsADisconnection) {
  reply.body = "short";
  reply.content_length = 100;
  EXPECT_EQ(fail().kind, HttpFailureKind::kDisconnected);
}

TEST_F(HttpClientFaults, BytesBeyondTheContentLengthAreNotTakenForTheNextAnswer) {
  for (int i = 0; i < 20; ++i) {  // how the bytes fall into packets differs from time to time
    reply.body = "shortHTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nevil";
    reply.content_length = 5;
    const HttpRequest request{.method = "POST", .url = server.url("/bad"), .body = "b"};
    EXPECT_EQ(response_of(client.fetch(request)).body, "short");
    const HttpRequest next{.method = "POST", .url = server.url("/good"), .body = "b"};
    EXPECT_EQ(response_of(client.fetch(next)).body, "ok");
  }
}

TEST_F(HttpClientFaults, GarbageInsteadOfHttpIsAProtocolFailure) {
  reply.raw = "SSH-2.0-OpenSSH_9.2\r\n\x01\x02\x03";
  EXPECT_EQ(fail().kind, HttpFailureKind::kProtocol);
}

TEST_F(HttpClientFaults, EmptyAnswerIsADisconnection) {
  reply.raw = "";
  EXPECT_EQ(fail().kind, HttpFailureKind::kDisconnected);
}

TEST_F(HttpClientFaults, UnreadableCompressionIsAProtocolFailure) {
  reply.headers = {{"Content-Encoding", "gzip"}};
  reply.body = "this is not gzip";
  EXPECT_EQ(fail().kind, HttpFailureKind::kProtocol);
}

TEST_F(HttpClientFaults, MessagesNameTheCallAndKeepItsSecrets) {
  reply.raw = "garbage";
  const HttpFailure failure = failure_of(
      client.fetch({.method = "POST",
                    .url = "http://user:s3cret1@" + server.url("/bad").substr(7) + "?key=s3cret2",
                    .headers = {{"Authorization", "Bearer s3cret3"}},
                    .body = "s3cret4"}));
  EXPECT_TRUE(failure.message.starts_with("POST " + server.url("/bad"))) << failure.message;
  EXPECT_EQ(failure.message.find("s3cret"), std::string::npos) << failure.message;
}

}  // namespace
}  // namespace polaris
