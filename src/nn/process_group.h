#pragma once

#include <memory>

#include "nn/collective.h"
#include "nn/learner_config.h"
#include "nn/rendezvous.h"

namespace polaris {

/// The ranks of a run on one or several machines, over c10d: bytes of the host and tensors on CPUs
/// over Gloo, tensors on GPUs over NCCL (or, with backend = "gloo", through the host, which also
/// serves ranks that share a GPU). All values travel as bytes, so any type of tensor may.
///
/// Each operation begins with a few bytes from every rank to every other: a rank that is missing is
/// noticed there, before NCCL is entered, and so is one that calls something else. What becomes of
/// a missing rank: its connections close, or distributed.timeout_s passes; who it was is known from
/// the heartbeats. The error is one line, the same on all ranks.
///
/// One thread at a time. To be destroyed at any moment: it waits for nobody.
class ProcessGroup : public Collective {
 public:
  /// Waits for all ranks. @throws as join() of rendezvous.h
  ProcessGroup(const Rendezvous& rendezvous, const DistributedConfig& config);
  ~ProcessGroup() override;

  int rank() const override;
  int size() const override;
  std::vector<std::string> all_gather(std::string_view bytes) override;
  void broadcast(const at::Tensor& values, int root) override;
  void all_to_all(const at::Tensor& send, const at::Tensor& receive) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polaris
