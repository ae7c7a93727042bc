#include <stdexcept>
#include <string>

#include "base/http_client.h"
#include "base/http_test_helpers.h"
#include "base/loopback_server.h"

namespace polaris {
namespace {

TEST(LoopbackServer, StopsAtOnceWhateverItsConnectionsAreDoing) {
  ResultBox box;
  HttpClient client;
  Stopwatch watch;
  {
    LoopbackServer server([](const ServerRequest& request) -> Reply {
      if (request.target == "/silent") return {.silent = true};
      if (request.target == "/late") return {.delay_s = 60.0};
      return {.body = std::string(1000, 'x'), .drip = Reply::Drip{1, 60.0}};
    });
    for (const char* path : {"/silent", "/late", "/drip"})
      client.submit({.url = server.url(path)}, [&](HttpResult r) { box.put(std::move(r)); });
    ASSERT_TRUE(server.wait_for_requests(3));
    watch = Stopwatch();
  }
  EXPECT_LT(watch.seconds(), 1.0);
  for (const HttpResult& result : box.wait_for(3))
    EXPECT_EQ(failure_of(result).kind, HttpFailureKind::kDisconnected);
}

TEST(LoopbackServer, CountsRequestsAndSaysWhenTheyDoNotCome) {
  LoopbackServer server([](const ServerRequest&) -> Reply { return {}; });
  EXPECT_FALSE(server.wait_for_requests(1, /*timeout_s=*/0.01));
  HttpClient client;
  response_of(client.fetch({.url = server.url()}));
  EXPECT_TRUE(server.wait_for_requests(1, /*timeout_s=*/0.01));
  EXPECT_EQ(server.request_count(), 1U);
}

TEST(LoopbackServer, HandlerThatThrowsAnswers500WithTheReason) {
  LoopbackServer server([](const ServerRequest&) -> Reply { throw std::runtime_error("oops"); });
  HttpClient client;
  const HttpResponse response = response_of(client.fetch({.url = server.url()}));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "oops");
}

}  // namespace
}  // namespace polaris
