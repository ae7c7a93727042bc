// The event loop behind HttpClient: cancelling, timers, closing, and callbacks that misbehave.
#include <algorithm>
#include <atomic>
#include <ctime>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/http_client.h"
#include "base/http_test_helpers.h"
#include "base/loopback_server.h"

namespace polaris {
namespace {

class HttpClientLoop : public testing::Test {
 protected:
  HttpClient::OnDone put() {
    return [this](HttpResult result) { box.put(std::move(result)); };
  }

  /// Comes back when the loop has done everything that was asked of it before.
  void settle() {
    std::promise<void> done;
    client->run_after(0.0, [&] { done.set_value(); });
    done.get_future().wait();
  }

  ResultBox box;
  LoopbackServer silent{[](const ServerRequest&) -> Reply { return {.silent = true}; }};
  LoopbackServer server{[](const ServerRequest& r) -> Reply { return {.body = r.target}; }};
  std::optional<HttpClient> client{std::in_place};
};

TEST_F(HttpClientLoop, CancelledBeforeItStartsNeverReachesTheServer) {
  std::promise<void> entered;
  std::promise<void> go_on;
  client->run_after(0.0, [&] {  // keeps the loop busy: nothing starts meanwhile
    entered.set_value();
    go_on.get_future().wait();
  });
  entered.get_future().wait();
  const RequestId id = client->submit({.url = server.url()}, put());
  client->cancel(id);
  go_on.set_value();
  const auto results = box.wait_for(1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(failure_of(results[0]).kind, HttpFailureKind::kCancelled);
  response_of(client->fetch({.url = server.url()}));
  EXPECT_EQ(server.request_count(), 1U);
}

TEST_F(HttpClientLoop, CancelledInFlightEndsAtOnceAndOnce) {
  const RequestId id = client->submit({.url = silent.url()}, put());
  ASSERT_TRUE(silent.wait_for_requests(1));
  const Stopwatch watch;
  client->cancel(id);
  client->cancel(id);
  const auto results = box.wait_for(1);
  EXPECT_LT(watch.seconds(), 1.0);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(failure_of(results[0]).kind, HttpFailureKind::kCancelled);
  settle();
  EXPECT_EQ(box.wait_for(1).size(), 1U);
}

TEST_F(HttpClientLoop, CancellingWhatIsDoneOrUnknownChangesNothing) {
  const RequestId id = client->submit({.url = server.url("/a")}, put());
  EXPECT_EQ(response_of(box.wait_for(1).at(0)).body, "/a");
  client->cancel(id);
  client->cancel(id + 1000);
  settle();
  EXPECT_EQ(box.wait_for(1).size(), 1U);
  EXPECT_EQ(client->callback_error(), nullptr);
}

TEST_F(HttpClientLoop, CallbackMaySubmitTheNextRequest) {
  constexpr int kChain = 5;
  std::function<void(int)> ask = [&](int i) {
    client->submit({.url = server.url("/" + std::to_string(i))}, [&, i](HttpResult result) {
      box.put(std::move(result));
      if (i < kChain) ask(i + 1);
    });
  };
  ask(1);
  const auto results = box.wait_for(kChain);
  ASSERT_EQ(results.size(), static_cast<std::size_t>(kChain));
  EXPECT_EQ(response_of(results.back()).body, "/5");
}

TEST_F(HttpClientLoop, ManyThreadsMaySubmitAndCancelAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const RequestId id = client->submit({.url = server.url()}, put());
        if (i % 3 == 0) client->cancel(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(box.wait_for(kThreads * kEach).size(), static_cast<std::size_t>(kThreads * kEach));
}

TEST_F(HttpClientLoop, ClosingEndsEverythingInFlightPromptlyAndOnce) {
  constexpr std::size_t kRequests = 100;
  std::vector<std::atomic<int>> calls(kRequests);
  std::atomic<int> cancelled = 0;
  for (std::size_t i = 0; i < kRequests; ++i) {
    client->submit({.url = silent.url()}, [&, i](const HttpResult& result) {
      ++calls[i];
      const auto* failure = std::get_if<HttpFailure>(&result);
      if (failure != nullptr && failure->kind == HttpFailureKind::kCancelled) ++cancelled;
    });
  }
  ASSERT_TRUE(silent.wait_for_requests(kRequests / 2));  // some sent, some perhaps not yet
  const Stopwatch watch;
  client.reset();
  EXPECT_LT(watch.seconds(), 2.0);
  EXPECT_EQ(cancelled, static_cast<int>(kRequests));
  EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
}

TEST_F(HttpClientLoop, WhatACallbackSubmitsWhileClosingIsCancelledToo) {
  client->submit({.url = silent.url()}, [&](HttpResult result) {
    box.put(std::move(result));
    client->submit({.url = server.url()}, put());
  });
  ASSERT_TRUE(silent.wait_for_requests(1));
  client.reset();
  const auto results = box.wait_for(2);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(failure_of(results[1]).kind, HttpFailureKind::kCancelled);
  EXPECT_EQ(server.request_count(), 0U);
}

TEST_F(HttpClientLoop, TimersRunInOrderOnTheThreadOfTheCallbacks) {
  std::string order;
  std::vector<std::thread::id> threads;
  std::promise<void> last;
  const auto letter = [&](char c) {
    return [&, c] {
      order += c;
      threads.push_back(std::this_thread::get_id());
      if (c == 'd') last.set_value();
    };
  };
  const Stopwatch watch;
  client->run_after(0.15, letter('d'));
  client->run_after(0.05, letter('b'));
  client->run_after(0.10, letter('c'));
  client->run_after(-1.0, letter('a'));
  last.get_future().wait();
  EXPECT_GE(watch.seconds(), 0.149);
  EXPECT_LT(watch.seconds(), 2.0);
  EXPECT_EQ(order, "abcd");
  std::promise<std::thread::id> of_request;
  client->submit({.url = server.url()},
                 [&](const HttpResult&) { of_request.set_value(std::this_thread::get_id()); });
  threads.push_back(of_request.get_future().get());
  EXPECT_EQ(std::count(threads.begin(), threads.end(), threads[0]), 5);
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST_F(HttpClientLoop, CancelledTimerDoesNotRun) {
  std::atomic<int> rang = 0;
  const TimerId early = client->run_after(0.05, [&] { ++rang; });
  std::promise<void> later;
  const TimerId late = client->run_after(0.1, [&] { later.set_value(); });
  EXPECT_TRUE(client->cancel_timer(early));
  EXPECT_FALSE(client->cancel_timer(early));
  later.get_future().wait();
  EXPECT_EQ(rang, 0);
  EXPECT_FALSE(client->cancel_timer(late));
}

TEST_F(HttpClientLoop, TimersOfNoDelayDoNotStarveRequests) {
  std::atomic<bool> stop = false;
  std::function<void()> again = [&] {
    if (!stop) client->run_after(0.0, again);
  };
  again();
  EXPECT_EQ(response_of(client->fetch({.url = server.url("/x")})).body, "/x");
  stop = true;
  settle();
  settle();  // one more may have been asked for while `stop` was set
}

TEST_F(HttpClientLoop, ClosingDropsTimersThatAreNotDue) {
  const auto held = std::make_shared<int>(1);
  std::atomic<int> rang = 0;
  client->run_after(3600.0, [&, held] { ++rang; });
  client.reset();
  EXPECT_EQ(rang, 0);
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(HttpClientLoop, WaitingCostsNoProcessorTime) {
  client->submit({.url = silent.url()}, put());
  ASSERT_TRUE(silent.wait_for_requests(1));
  std::promise<void> later;
  const std::clock_t before = std::clock();
  client->run_after(0.5, [&] { later.set_value(); });
  later.get_future().wait();
  const double used_s = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(used_s, 0.1);
}

TEST_F(HttpClientLoop, ExceptionOfACallbackEndsTheRestAndIsKept) {
  client->submit({.url = silent.url()}, put());
  ASSERT_TRUE(silent.wait_for_requests(1));
  client->submit({.url = server.url()},
                 [](const HttpResult&) { throw Error(ErrorCode::kIo, "the disk is full"); });
  const HttpFailure in_flight = failure_of(box.wait_for(1).at(0));
  EXPECT_EQ(in_flight.kind, HttpFailureKind::kCancelled);
  EXPECT_NE(in_flight.message.find("the disk is full"), std::string::npos) << in_flight.message;
  EXPECT_EQ(failure_of(client->fetch({.url = server.url()})).kind, HttpFailureKind::kCancelled);
  ASSERT_NE(client->callback_error(), nullptr);
  EXPECT_THROW(std::rethrow_exception(client->callback_error()), Error);
}

TEST_F(HttpClientLoop, ExceptionOfAReaderFollowsTheSameRule) {
  const HttpFailure failure =
      failure_of(client->fetch({.url = server.url(), .on_data = [](std::string_view) -> bool {
                                  throw std::runtime_error("not SSE");
                                }}));
  EXPECT_EQ(failure.kind, HttpFailureKind::kCancelled);
  EXPECT_NE(client->callback_error(), nullptr);
}

TEST_F(HttpClientLoop, ExceptionOfATimerFollowsTheSameRuleAndLaterTimersStillRun) {
  client->submit({.url = silent.url()}, put());
  client->run_after(0.0, [] { throw 42; });
  EXPECT_EQ(failure_of(box.wait_for(1).at(0)).kind, HttpFailureKind::kCancelled);
  settle();
  EXPECT_THROW(std::rethrow_exception(client->callback_error()), int);
}

TEST_F(HttpClientLoop, FetchInsideACallbackIsABugNotADeadlock) {
  std::promise<void> tried;
  client->run_after(0.0, [&] {
    EXPECT_THROW(client->fetch({.url = server.url()}), Error);
    tried.set_value();
  });
  tried.get_future().wait();
}

}  // namespace
}  // namespace polaris
