#include "base/task_pool.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "base/error.h"

#ifdef __SANITIZE_THREAD__
// An exception that reaches its future is counted in libstdc++'s own code, which ThreadSanitizer
// does not see: it takes the last release, on whichever thread, for a race.
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
#endif

namespace polaris {
namespace {

/// One parallel_for. Helpers that come late find no chunk left and do not touch `work`, which may
/// be gone by then.
class Loop {
 public:
  Loop(std::int64_t begin, std::int64_t end, std::int64_t grain,
       const std::function<void(std::int64_t, std::int64_t)>& work)
      : begin_(begin),
        end_(end),
        grain_(grain),
        chunks_((end - begin - 1) / grain + 1),
        work_(work) {}

  std::int64_t chunks() const { return chunks_; }

  void take_chunks() {
    std::unique_lock lock(mutex_);
    while (next_ < chunks_) {
      const std::int64_t chunk = next_++;
      lock.unlock();
      std::exception_ptr failure;
      try {
        const std::int64_t first = begin_ + chunk * grain_;
        work_(first, chunk + 1 == chunks_ ? end_ : first + grain_);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && chunk < failed_chunk_) {
        failed_chunk_ = chunk;
        failure_ = std::move(failure);
      }
      if (++done_ == chunks_) finished_.notify_all();
    }
  }

  void wait() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return done_ == chunks_; });
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  const std::int64_t begin_, end_, grain_, chunks_;
  const std::function<void(std::int64_t, std::int64_t)>& work_;
  std::mutex mutex_;
  std::condition_variable finished_;
  std::int64_t next_ = 0;
  std::int64_t done_ = 0;
  std::int64_t failed_chunk_ = chunks_;
  std::exception_ptr failure_;
};

}  // namespace

TaskPool::TaskPool(std::size_t threads) {
  if (threads < 2) return;
  try {
    while (threads_.size() < threads) threads_.emplace_back([this] { work_until_stopped(); });
  } catch (const std::system_error& e) {
    const std::size_t started = threads_.size();
    finish();
    throw Error(ErrorCode::kOutOfMemory,
                fmt::format("could start only {} of {} threads: {}; lower --threads", started,
                            threads, e.code().message()));
  }
}

TaskPool::~TaskPool() { finish(); }

void TaskPool::finish() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void TaskPool::enqueue(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void TaskPool::work_until_stopped() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return is_stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = Task();  // what it holds is released before the lock is taken
    lock.lock();
  }
}

void TaskPool::parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                            const std::function<void(std::int64_t, std::int64_t)>& work) {
  POLARIS_CHECK(grain > 0, "a chunk needs at least one index, not {}", grain);
  if (begin >= end) return;
  const auto loop = std::make_shared<Loop>(begin, end, grain, work);
  const auto helpers = std::min(static_cast<std::int64_t>(threads_.size()), loop->chunks()) - 1;
  for (std::int64_t i = 0; i < helpers; ++i) enqueue(Task([loop] { loop->take_chunks(); }));
  loop->take_chunks();
  loop->wait();
}

}  // namespace polaris
