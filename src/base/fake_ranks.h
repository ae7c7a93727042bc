#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/ranks.h"

namespace polaris {

/// Where the ranks of one process meet: a fake of several machines for tests, one thread per rank.
class FakeRendezvous {
 public:
  FakeRendezvous(int size, double timeout_s) : size_(size), timeout_s_(timeout_s) {}

  int size() const { return size_; }

  /// Every rank leaves its bytes and gets those of all. @throws Error{kUnavailable} on all ranks
  /// if one does not come in time, or if one has left
  std::vector<std::string> meet(int rank, std::string_view bytes);

  /// A rank that dies: everybody who waits for it, now or later, gets the error.
  void leave(int rank);

 private:
  int size_;
  double timeout_s_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> arriving_;
  std::vector<std::string> complete_;
  int arrived_ = 0;
  std::int64_t round_ = 0;
  std::string failure_;  // once set, the group is of no further use
};

class FakeRanks : public Ranks {
 public:
  /// `rendezvous` is shared by the ranks and outlives them.
  FakeRanks(FakeRendezvous& rendezvous, int rank) : rendezvous_(rendezvous), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return rendezvous_.size(); }
  std::vector<std::string> all_gather(std::string_view bytes) override {
    return rendezvous_.meet(rank_, bytes);
  }

 private:
  FakeRendezvous& rendezvous_;
  int rank_;
};

/// Runs `body` on one thread per rank.
void on_threads(const FakeRendezvous& rendezvous, const std::function<void(int rank)>& body);

}  // namespace polaris
