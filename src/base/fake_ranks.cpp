#include "base/fake_ranks.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace polaris {

std::vector<std::string> FakeRendezvous::meet(int rank, std::string_view bytes) {
  std::unique_lock lock(mutex_);
  const auto refuse = [&] {
    return Error(ErrorCode::kUnavailable, fmt::format("rank {}: {}", rank, failure_));
  };
  if (!failure_.empty()) throw refuse();
  arriving_.resize(static_cast<std::size_t>(size_));
  arriving_[static_cast<std::size_t>(rank)] = bytes;
  const std::int64_t round = round_;
  if (++arrived_ == size_) {
    complete_ = std::move(arriving_);
    arriving_.clear();
    arrived_ = 0;
    ++round_;
    changed_.notify_all();
    return complete_;
  }
  const auto met = [&] { return round_ != round || !failure_.empty(); };
  if (!changed_.wait_for(lock, std::chrono::duration<double>(timeout_s_), met)) {
    failure_ = fmt::format("a rank was silent for {} s", timeout_s_);
    changed_.notify_all();
  }
  // The next round cannot complete before this rank joins it, so complete_ is still ours.
  if (round_ == round) throw refuse();
  return complete_;
}

void FakeRendezvous::leave(int rank) {
  const std::lock_guard lock(mutex_);
  failure_ = fmt::format("rank {} has left", rank);
  changed_.notify_all();
}

void on_threads(const FakeRendezvous& rendezvous, const std::function<void(int rank)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < rendezvous.size(); ++rank) threads.emplace_back(body, rank);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace polaris
