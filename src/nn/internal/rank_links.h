#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "nn/heartbeat.h"
#include "nn/learner_config.h"
#include "nn/rendezvous.h"

namespace polaris::nn {

/// What connects a rank to the others.
struct RankLinks {
  c10::intrusive_ptr<c10d::Store> store;   ///< where they met; rank 0's machine keeps it
  std::shared_ptr<Heartbeat> heartbeat;    ///< tells
  c10::intrusive_ptr<c10d::Backend> gloo;  ///< between CPUs
};

std::chrono::milliseconds milliseconds(double seconds);

/// Waits for all ranks and connects them. Never longer than about twice `timeout_s`, whatever they
/// do: a call of c10d that does not come back is left behind on its thread.
/// @throws Error{kUnavailable} naming the ranks that did not come; Error{kInvalidConfig} if the
///         address or the port cannot be right, or two processes say that they are the same rank
RankLinks connect_ranks(const Rendezvous& rendezvous, double timeout_s);

/// Between GPUs. Each rank connects with its first operation, on the GPU of its tensors.
/// @throws Error{kInvalidConfig} in a build without CUDA
c10::intrusive_ptr<c10d::Backend> nccl_backend(const c10::intrusive_ptr<c10d::Store>& store,
                                               int rank, int size,
                                               std::chrono::milliseconds timeout);

/// The first line of what libtorch or Gloo says about a failure, without the place in its sources.
std::string plain_reason(const std::exception& failure);

}  // namespace polaris::nn
