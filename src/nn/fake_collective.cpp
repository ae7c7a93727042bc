#include "nn/fake_collective.h"

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstring>

#include "base/error.h"

namespace polaris {
namespace {

/// On the CPU, contiguous.
std::string_view bytes_of(const at::Tensor& values) {
  return {static_cast<const char*>(values.const_data_ptr()), values.nbytes()};
}

void write_bytes(const at::Tensor& values, std::string_view bytes) {
  POLARIS_CHECK(bytes.size() == values.nbytes(), "ranks passed different shapes");
  if (!bytes.empty()) std::memcpy(values.mutable_data_ptr(), bytes.data(), bytes.size());
}

}  // namespace

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

void FakeCollective::broadcast(const at::Tensor& values, int root) {
  const auto parts = rendezvous_.meet(rank_, rank_ == root ? bytes_of(values) : std::string_view());
  write_bytes(values, parts[static_cast<std::size_t>(root)]);
}

void FakeCollective::all_to_all(const at::Tensor& send, const at::Tensor& receive) {
  const auto parts = rendezvous_.meet(rank_, bytes_of(send));
  const std::size_t row = send.nbytes() / parts.size();
  for (int from = 0; from < size(); ++from)
    write_bytes(receive[from], std::string_view(parts[static_cast<std::size_t>(from)])
                                   .substr(static_cast<std::size_t>(rank_) * row, row));
}

}  // namespace polaris
