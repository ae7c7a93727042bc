#include "base/timer_queue.h"

namespace polaris {

TimerId TimerQueue::add(double due_s, std::function<void()> callback) {
  const TimerId id = next_id_++;
  by_time_.emplace(std::pair(due_s, id), std::move(callback));
  due_s_.emplace(id, due_s);
  return id;
}

std::function<void()> TimerQueue::take(TimerId id) {
  const auto due = due_s_.find(id);
  if (due == due_s_.end()) return nullptr;
  auto timer = by_time_.extract({due->second, id});
  due_s_.erase(due);
  return std::move(timer.mapped());
}

std::function<void()> TimerQueue::take_due(double now_s) {
  if (by_time_.empty() || by_time_.begin()->first.first > now_s) return nullptr;
  return take(by_time_.begin()->first.second);
}

std::optional<double> TimerQueue::next_due_s() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first.first;
}

}  // namespace polaris
