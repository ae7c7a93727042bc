#include "base/task_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>

#include "base/error.h"

namespace polaris {
namespace {

class TaskPoolTest : public testing::TestWithParam<std::size_t> {
 protected:
  TaskPool pool{GetParam()};
};

TEST_P(TaskPoolTest, GivesResultsAndExceptionsThroughTheFuture) {
  auto number = pool.submit([] { return 42; });
  auto nothing = pool.submit([] {});
  auto failure = pool.submit([]() -> int { throw Error(ErrorCode::kBudget, "spent"); });
  EXPECT_EQ(number.get(), 42);
  nothing.get();
  try {
    failure.get();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBudget);
  }
}

TEST_P(TaskPoolTest, TakesWorkThatCannotBeCopied) {
  auto result = pool.submit([number = std::make_unique<int>(7)] { return *number; });
  EXPECT_EQ(result.get(), 7);
}

TEST_P(TaskPoolTest, PartitionsTheRangeTheSameWhateverTheThreads) {
  std::mutex mutex;
  std::set<std::pair<std::int64_t, std::int64_t>> chunks;
  pool.parallel_for(-3, 8, 4, [&](std::int64_t first, std::int64_t last) {
    const std::lock_guard lock(mutex);
    chunks.emplace(first, last);
  });
  EXPECT_EQ(chunks, (std::set<std::pair<std::int64_t, std::int64_t>>{{-3, 1}, {1, 5}, {5, 8}}));
}

TEST_P(TaskPoolTest, VisitsEveryIndexOnce) {
  std::vector<int> visits(10'000);
  pool.parallel_for(0, 10'000, 7, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(visits, std::vector<int>(10'000, 1));
}

TEST_P(TaskPoolTest, AnEmptyRangeRunsNothing) {
  pool.parallel_for(5, 5, 1, [](std::int64_t, std::int64_t) { FAIL(); });
  pool.parallel_for(5, 3, 1, [](std::int64_t, std::int64_t) { FAIL(); });
  EXPECT_THROW(pool.parallel_for(0, 1, 0, [](std::int64_t, std::int64_t) {}), Error);
}

TEST_P(TaskPoolTest, ThrowsTheFirstFailureInIndexOrderAfterAllChunksRan) {
  std::atomic<int> ran = 0;
  try {
    pool.parallel_for(0, 100, 1, [&](std::int64_t i, std::int64_t) {
      ++ran;
      if (i >= 30) throw std::runtime_error(std::to_string(i));
    });
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "30");
  }
  EXPECT_EQ(ran, 100);
}

TEST_P(TaskPoolTest, LoopsMayBeNestedAndStartedByTasks) {
  std::atomic<int> sum = 0;
  const auto inner = [&] {
    pool.parallel_for(0, 10, 1, [&](std::int64_t, std::int64_t) { ++sum; });
  };
  pool.parallel_for(0, 10, 1, [&](std::int64_t, std::int64_t) { inner(); });
  std::vector<std::future<void>> tasks;
  for (int i = 0; i < 10; ++i) tasks.push_back(pool.submit(inner));
  for (auto& task : tasks) task.get();
  EXPECT_EQ(sum, 200);
}

INSTANTIATE_TEST_SUITE_P(Threads, TaskPoolTest, testing::Values(0, 1, 2, 5),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(TaskPool, TheDestructorFinishesQueuedWork) {
  std::atomic<int> ran = 0;
  std::latch release(1);
  {
    TaskPool pool(2);
    for (int i = 0; i < 2; ++i) pool.submit([&] { release.wait(); });  // both threads are busy
    for (int i = 0; i < 50; ++i) pool.submit([&] { ++ran; });
    EXPECT_EQ(ran, 0);
    release.count_down();
  }
  EXPECT_EQ(ran, 50);
}

TEST(TaskPool, AllThreadsWorkAtTheSameTime) {
  TaskPool pool(3);
  std::latch together(3);
  std::vector<std::future<void>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(pool.submit([&] { together.arrive_and_wait(); }));
  for (auto& task : tasks) task.get();
  std::latch again(3);  // the caller is one of the three
  pool.parallel_for(0, 3, 1, [&](std::int64_t, std::int64_t) { again.arrive_and_wait(); });
}

TEST(TaskPool, OneThreadRunsInTheCaller) {
  TaskPool pool(1);
  const auto caller = std::this_thread::get_id();
  EXPECT_EQ(pool.submit([] { return std::this_thread::get_id(); }).get(), caller);
}

}  // namespace
}  // namespace polaris
