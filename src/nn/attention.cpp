#include "nn/internal/attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/softmax.h>
#include <c10/core/GradMode.h>

#include <limits>

#include "base/error.h"
#include "nn/internal/attention_cpu.h"
#include "nn/internal/attention_flash.h"
#include "nn/internal/fused.h"
#include "nn/internal/row_ops.h"

namespace polaris::nn {
namespace {

void check(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
           std::optional<std::int64_t> window) {
  POLARIS_CHECK(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes(), "shapes");
  POLARIS_CHECK(q.size(2) == k.size(2) && q.size(1) % k.size(1) == 0,
                "{} query heads, {} key heads", q.size(1), k.size(1));
  POLARIS_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), "types");
  POLARIS_CHECK(window.value_or(1) > 0, "a window of {}", *window);
}

/// Keys that a query sees at most.
std::int64_t limit(std::optional<std::int64_t> window) {
  return window.value_or(std::numeric_limits<std::int64_t>::max() / 2);
}

std::vector<AttentionSpan> spans(const PackedSequences& sequences) {
  std::vector<AttentionSpan> spans;
  for (std::int64_t i = 0; i < sequences.count(); ++i) {
    const std::int64_t begin = sequences.begin(i), length = sequences.length(i);
    spans.push_back({begin, length, begin, length});
  }
  return spans;
}

/// One sequence: n queries, the last of them at the position of the last of m keys.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  std::int64_t window, double scale) {
  const auto heads_first = [&](const at::Tensor& x) {
    return wide(x).transpose(0, 1).repeat_interleave(q.size(1) / x.size(1), 0);
  };
  const at::Tensor positions = at::arange(k.size(0), k.options().dtype(at::kLong));
  const at::Tensor distance =
      positions.narrow(0, k.size(0) - q.size(0), q.size(0)).unsqueeze(1).sub(positions);
  const at::Tensor unseen = distance.lt(0).logical_or(distance.ge(window));
  const at::Tensor scores = heads_first(q).matmul(heads_first(k).transpose(1, 2)).mul(scale);
  const at::Tensor p =
      at::softmax(scores.masked_fill(unseen, -std::numeric_limits<double>::infinity()), -1);
  return p.matmul(heads_first(v)).transpose(0, 1).to(q.scalar_type());
}

}  // namespace

namespace composite {

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedSequences& sequences, std::optional<std::int64_t> window,
                            double scale) {
  std::vector<at::Tensor> parts;
  for (std::int64_t i = 0; i < sequences.count(); ++i) {
    const auto rows = [&](const at::Tensor& x) {
      return x.narrow(0, sequences.begin(i), sequences.length(i));
    };
    parts.push_back(attend(rows(q), rows(k), rows(v), limit(window), scale));
  }
  return at::cat(parts);
}

}  // namespace composite

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedSequences& sequences, std::optional<std::int64_t> window,
                            double scale) {
  check(q, k, v, window);
  POLARIS_CHECK(q.size(0) == sequences.tokens() && k.size(0) == sequences.tokens(), "tokens");
  if (has_flash_attention(q, sequences)) return flash_attention(q, k, v, sequences, window, scale);
  if (!has_row_kernels(q)) return composite::packed_attention(q, k, v, sequences, window, scale);
  const AttentionProblem problem = {.q = q.detach(),
                                    .k = k.detach(),
                                    .v = v.detach(),
                                    .spans = spans(sequences),
                                    .window = limit(window),
                                    .scale = scale};
  const AttentionOutput output = attention_forward(problem);
  return record({q, k, v}, {output.o}, [=, held = output.logsumexps](const Tensors& upstream) {
    return attention_backward(problem, upstream[0], held);
  })[0];
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                            std::int64_t past, std::optional<std::int64_t> window, double scale) {
  check(q, keys, values, window);
  const std::int64_t length = past + q.size(0);
  POLARIS_CHECK(past >= 0 && length <= keys.size(0), "{} tokens in a cache of {}", length,
                keys.size(0));
  const c10::NoGradGuard no_graph;
  if (past == 0) {  // a prompt, from its beginning
    const PackedSequences whole(std::vector<std::int64_t>{length});
    if (has_flash_attention(q, whole))
      return flash_attention(q, keys.narrow(0, 0, length), values.narrow(0, 0, length), whole,
                             window, scale);
  }
  if (has_row_kernels(q))
    return attention_forward({.q = q.detach(),
                              .k = keys.detach(),
                              .v = values.detach(),
                              .spans = {{0, q.size(0), 0, length}},
                              .window = limit(window),
                              .scale = scale})
        .o;
  return attend(q, keys.narrow(0, 0, length), values.narrow(0, 0, length), limit(window), scale);
}

}  // namespace polaris::nn
