#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/http_client.h"
#include "base/http_test_helpers.h"
#include "base/loopback_server.h"

namespace polaris {
namespace {

/// Answers with what it was asked: method and target in headers, the body in the body.
Reply echo(const ServerRequest& request) {
  return {.headers = {{"X-Method", request.method},
                      {"X-Target", request.target},
                      {"X-Sent-Type",
                       std::string(find_header(request.headers, "content-type").value_or("none"))},
                      {"X-Sent-Key",
                       std::string(find_header(request.headers, "x-key").value_or("none"))},
                      {"X-Sent-Expect",
                       std::string(find_header(request.headers, "expect").value_or("none"))}},
          .body = request.body};
}

TEST(HttpClient, GetsWhatTheServerSends) {
  LoopbackServer server([](const ServerRequest& request) -> Reply {
    EXPECT_EQ(request.target, "/story?words=3");
    return {.headers = {{"X-Two", "a"}, {"X-Two", "b"}}, .body = "once upon a time"};
  });
  HttpClient client;
  const HttpResponse response = response_of(client.fetch({.url = server.url("/story?words=3")}));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "once upon a time");
  EXPECT_EQ(find_header(response.headers, "content-LENGTH"), "16");
  EXPECT_EQ(std::count_if(response.headers.begin(), response.headers.end(),
                          [](const HttpHeader& h) { return h.name == "X-Two"; }),
            2);
  EXPECT_GT(response.seconds, 0.0);
  EXPECT_LT(response.seconds, 5.0);
}

TEST(HttpClient, PostsBodyAndHeadersAndAddsNoneOfItsOwn) {
  LoopbackServer server(echo);
  HttpClient client;
  const std::string body = std::string(3 << 20, 'x') + std::string("\0\r\n\xFF", 4);
  const HttpResponse plain = response_of(client.fetch(
      {.method = "POST", .url = server.url(), .headers = {{"X-Key", "k"}}, .body = body}));
  EXPECT_EQ(plain.body, body);
  EXPECT_EQ(find_header(plain.headers, "X-Sent-Key"), "k");
  EXPECT_EQ(find_header(plain.headers, "X-Sent-Type"), "none");
  EXPECT_EQ(find_header(plain.headers, "X-Sent-Expect"), "none");

  const HttpResponse json =
      response_of(client.fetch({.method = "POST",
                                .url = server.url(),
                                .headers = {{"content-type", "application/json"}, {"X-Key", ""}},
                                .body = "{}"}));
  EXPECT_EQ(find_header(json.headers, "X-Sent-Type"), "application/json");
  EXPECT_EQ(find_header(json.headers, "X-Sent-Key"), "");
}

TEST(HttpClient, UsesTheMethodItIsGiven) {
  LoopbackServer server(echo);
  HttpClient client;
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    const HttpResponse response =
        response_of(client.fetch({.method = method, .url = server.url("/m")}));
    EXPECT_EQ(find_header(response.headers, "X-Method"), method);
    EXPECT_EQ(response.body, "");
  }
  for (const std::string method : {"GET", "DELETE"}) {
    const HttpResponse response =
        response_of(client.fetch({.method = method, .url = server.url(), .body = "which"}));
    EXPECT_EQ(find_header(response.headers, "X-Method"), method);
    EXPECT_EQ(response.body, "which");
  }
}

TEST(HttpClient, ReturnsErrorStatusesAsAnswers) {
  LoopbackServer server([](const ServerRequest& request) -> Reply {
    return {.status = std::stoi(request.target.substr(1)), .body = "why"};
  });
  HttpClient client;
  for (const int status : {201, 400, 404, 429, 500, 503, 529}) {
    const HttpResponse response =
        response_of(client.fetch({.url = server.url(fmt::format("/{}", status))}));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, "why");
  }
}

TEST(HttpClient, ReturnsRedirectsInsteadOfFollowingThem) {
  LoopbackServer elsewhere([](const ServerRequest&) -> Reply { return {}; });
  LoopbackServer server([&](const ServerRequest&) -> Reply {
    return {.status = 307, .headers = {{"Location", elsewhere.url()}}};
  });
  HttpClient client;
  const HttpResponse response = response_of(client.fetch(
      {.method = "POST", .url = server.url(), .headers = {{"Authorization", "Bearer k"}}}));
  EXPECT_EQ(response.status, 307);
  EXPECT_EQ(find_header(response.headers, "location"), elsewhere.url());
  EXPECT_EQ(elsewhere.request_count(), 0U);
}

TEST(HttpClient, ReadsChunkedBodies) {
  LoopbackServer server([](const ServerRequest&) -> Reply {
    return {.body = "piece by piece", .drip = Reply::Drip{3, 0.001}, .chunked = true};
  });
  HttpClient client;
  EXPECT_EQ(response_of(client.fetch({.url = server.url()})).body, "piece by piece");
}

TEST(HttpClient, HandsSuccessBodiesToTheReaderAsTheyArrive) {
  LoopbackServer server([](const ServerRequest&) -> Reply {
    return {.body = "data: one\n", .drip = Reply::Drip{2, 0.02}, .chunked = true};
  });
  HttpClient client;
  std::vector<std::string> pieces;
  const HttpResponse response =
      response_of(client.fetch({.url = server.url(), .on_data = [&](std::string_view piece) {
                                  pieces.emplace_back(piece);
                                  return true;
                                }}));
  EXPECT_GE(pieces.size(), 2U);
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  EXPECT_EQ(joined, "data: one\n");
  EXPECT_EQ(response.body, "");
}

TEST(HttpClient, KeepsErrorBodiesAwayFromTheReader) {
  LoopbackServer server(
      [](const ServerRequest&) -> Reply { return {.status = 400, .body = "no such model"}; });
  HttpClient client;
  int called = 0;
  const HttpResponse response =
      response_of(client.fetch({.url = server.url(), .on_data = [&](std::string_view) {
                                  ++called;
                                  return true;
                                }}));
  EXPECT_EQ(response.body, "no such model");
  EXPECT_EQ(called, 0);
}

TEST(HttpClient, ReaderCanStopTheTransfer) {
  LoopbackServer server([](const ServerRequest&) -> Reply {
    return {.body = std::string(1000, 'x'), .drip = Reply::Drip{1, 0.1}};
  });
  HttpClient client;
  const Stopwatch watch;
  const HttpFailure failure = failure_of(
      client.fetch({.url = server.url(), .on_data = [](std::string_view) { return false; }}));
  EXPECT_EQ(failure.kind, HttpFailureKind::kCancelled);
  EXPECT_LT(watch.seconds(), 5.0);
}

TEST(HttpClient, Keeps300RequestsInFlightOnOneThread) {
  constexpr std::size_t kRequests = 300;
  constexpr double kDelay_s = 0.2;
  LoopbackServer server([&](const ServerRequest& request) -> Reply {
    return {.body = request.target, .delay_s = kDelay_s};
  });
  ResultBox box;
  HttpClient client({.max_connections_per_host = 300});
  std::vector<std::thread::id> threads(kRequests);
  const Stopwatch watch;
  for (std::size_t i = 0; i < kRequests; ++i) {
    client.submit({.url = server.url(fmt::format("/{}", i))}, [&, i](HttpResult result) {
      threads[i] = std::this_thread::get_id();
      box.put(std::move(result));
    });
  }
  const auto results = box.wait_for(kRequests);
  EXPECT_LT(watch.seconds(), kRequests * kDelay_s / 10.0);  // one after the other: 60 s
  ASSERT_EQ(results.size(), kRequests);
  std::vector<std::string> bodies;
  for (const HttpResult& result : results) bodies.push_back(response_of(result).body);
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(std::unique(bodies.begin(), bodies.end()), bodies.end());
  EXPECT_EQ(std::count(threads.begin(), threads.end(), threads[0]),
            static_cast<std::ptrdiff_t>(kRequests));
  RecordProperty("seconds", fmt::format("{:.2f}", watch.seconds()));
}

TEST(HttpClient, UsesAConnectionAgain) {
  LoopbackServer server(echo);
  HttpClient client;
  for (int i = 0; i < 5; ++i) response_of(client.fetch({.url = server.url()}));
  EXPECT_EQ(server.request_count(), 5U);
  EXPECT_EQ(server.connection_count(), 1U);
}

TEST(HttpClient, RequestsBeyondTheConnectionLimitWaitAndWaitingIsNotConnecting) {
  LoopbackServer server([](const ServerRequest&) -> Reply { return {.delay_s = 0.1}; });
  ResultBox box;
  HttpClient client({.max_connections_per_host = 2});
  for (int i = 0; i < 8; ++i) {
    client.submit({.url = server.url(), .connect_timeout_s = 0.15},
                  [&](HttpResult result) { box.put(std::move(result)); });
  }
  for (const HttpResult& result : box.wait_for(8)) EXPECT_EQ(response_of(result).status, 200);
  EXPECT_EQ(server.request_count(), 8U);
  EXPECT_LE(server.connection_count(), 2U);
}

TEST(HttpClient, RefusesHeaderInjectionBeforeAnythingIsSent) {
  LoopbackServer server(echo);
  HttpClient client;
  bool called = false;
  try {
    client.submit({.url = server.url(), .headers = {{"X-Key", "s3cret\r\nX-Evil: 1"}}},
                  [&](const HttpResult&) { called = true; });
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidConfig);
    EXPECT_EQ(std::string(e.what()).find("s3cret"), std::string::npos);
  }
  EXPECT_THROW(client.fetch({.url = server.url("/a\r\nX-Evil: 1")}), Error);
  response_of(client.fetch({.url = server.url()}));  // the loop has had its turn
  EXPECT_EQ(server.request_count(), 1U);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace polaris
