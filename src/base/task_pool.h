#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace polaris {

/// A fixed number of threads for the work of one process. Any thread may call any function.
///
/// A task must not wait for the future of another task of its pool: with every thread waiting,
/// nobody works. parallel_for() within a task is fine.
class TaskPool {
 public:
  /// With 0 or 1 threads everything runs in the thread that asks for it.
  /// @throws Error{kOutOfMemory} if the system gives no more threads
  explicit TaskPool(std::size_t threads);

  /// Finishes all work that was submitted.
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  /// Runs `work` on some thread. The future gives its result or throws its exception.
  template <class Work>
  auto submit(Work work) -> std::future<std::invoke_result_t<Work&>> {
    std::packaged_task<std::invoke_result_t<Work&>()> task(std::move(work));
    auto result = task.get_future();
    if (threads_.empty()) {
      task();
    } else {
      enqueue(Task(std::move(task)));
    }
    return result;
  }

  /// work(first, last) for the consecutive chunks of [begin, end), each of `grain` indices and
  /// the last one shorter: the same chunks whatever the number of threads, in any order. Returns
  /// when all are done. All chunks run even if one throws; then the exception of the first
  /// throwing chunk, in index order, is thrown. The caller's thread works along.
  void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                    const std::function<void(std::int64_t first, std::int64_t last)>& work);

 private:
  using Task = std::packaged_task<void()>;  // used as a function that need not be copied

  void enqueue(Task task);
  void work_until_stopped();
  void finish();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace polaris
