#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/internal/fused.h"

namespace polaris::nn {

/// Attention on the CPU, for float32 and bfloat16, without autograd. One task for each sequence and
/// key head, done by one thread: results do not depend on how many there are.

/// A sequence's rows among the queries, and among keys and values. They end at the same position.
struct AttentionSpan {
  std::int64_t query_begin, queries;
  std::int64_t key_begin, keys;
};

struct AttentionProblem {
  at::Tensor q;                      ///< [T, H, d]
  at::Tensor k, v;                   ///< [S, Hkv, d]
  std::vector<AttentionSpan> spans;  ///< disjoint
  std::int64_t window;               ///< keys that a query sees at most
  double scale;
};

struct AttentionOutput {
  at::Tensor o;           ///< [T, H, d], the queries' type
  at::Tensor logsumexps;  ///< [Hkv, T, H / Hkv] float32, for the backward
};

AttentionOutput attention_forward(const AttentionProblem& problem);

/// @return gradients of q, k and v, in their types
Tensors attention_backward(const AttentionProblem& problem, const at::Tensor& upstream,
                           const at::Tensor& logsumexps);

}  // namespace polaris::nn
