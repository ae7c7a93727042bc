#pragma once

#include <functional>

#include "base/fake_ranks.h"
#include "nn/collective.h"

namespace polaris {

/// A Collective between threads of this process.
class FakeCollective : public Collective {
 public:
  /// `rendezvous` is shared by the ranks and outlives them.
  FakeCollective(FakeRendezvous& rendezvous, int rank) : rendezvous_(rendezvous), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return rendezvous_.size(); }
  std::vector<std::string> all_gather(std::string_view bytes) override {
    return rendezvous_.meet(rank_, bytes);
  }
  void broadcast(const at::Tensor& values, int root) override;
  void all_to_all(const at::Tensor& send, const at::Tensor& receive) override;

 private:
  FakeRendezvous& rendezvous_;
  int rank_;
};

/// Runs `body` on one thread per rank.
void on_ranks(FakeRendezvous& rendezvous, const std::function<void(Collective&)>& body);

}  // namespace polaris
