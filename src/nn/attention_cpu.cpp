#include "nn/internal/attention_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <atomic>
#include <functional>

#include "nn/internal/mkl.h"
#include "nn/kernels/softmax_kernels.h"

namespace polaris::nn {
namespace {

/// A tile has about this many rows (queries times the heads that share keys), enough for MKL to be
/// near its peak, and few enough that little is computed beyond the diagonal.
constexpr std::int64_t kTileRows = 128;

/// Queries [first, first + tile.queries) of a sequence, and keys [key_begin, key_begin + tile.keys)
/// that any of them sees.
struct Block {
  std::int64_t first, key_begin;
  kernels::AttentionTile tile;

  std::int64_t rows() const { return tile.queries * tile.group; }
};

/// What a task works on: the query heads that read one key head of one sequence.
class Task {
 public:
  Task(const AttentionProblem& problem, std::int64_t index)
      : problem_(problem),
        head_(index % problem.k.size(1)),
        span_(problem.spans[index / problem.k.size(1)]) {}

  std::int64_t group() const { return problem_.q.size(1) / problem_.k.size(1); }
  std::int64_t width() const { return problem_.q.size(2); }

  std::vector<Block> blocks() const {
    const std::int64_t most = std::max<std::int64_t>(kTileRows / group(), 1);
    const std::int64_t past = span_.keys - span_.queries;
    std::vector<Block> blocks;
    for (std::int64_t first = 0; first < span_.queries; first += most) {
      const std::int64_t queries = std::min(most, span_.queries - first);
      const std::int64_t key_begin = std::max<std::int64_t>(0, past + first + 1 - problem_.window);
      const std::int64_t keys = past + first + queries - key_begin;
      blocks.push_back({.first = first,
                        .key_begin = key_begin,
                        .tile = {.queries = queries,
                                 .group = group(),
                                 .keys = keys,
                                 .stride = (keys + kernels::kTileWidth - 1) / kernels::kTileWidth *
                                           kernels::kTileWidth,
                                 .first_end = past + first + 1 - key_begin,
                                 .window = problem_.window,
                                 .scale = static_cast<float>(problem_.scale)}});
    }
    return blocks;
  }

  /// The part of a tensor like q that a block reads or writes: [queries, group, d].
  at::Tensor queries(const at::Tensor& like_q, const Block& block) const {
    return like_q.narrow(0, span_.query_begin + block.first, block.tile.queries)
        .narrow(1, head_ * group(), group());
  }

  /// The part of a tensor like k that the task reads or writes: [keys, d].
  at::Tensor keys(const at::Tensor& like_k) const {
    return like_k.narrow(0, span_.key_begin, span_.keys).select(1, head_);
  }

  float* logsumexps(const at::Tensor& all, const Block& block) const {
    const std::int64_t row = head_ * problem_.q.size(0) + span_.query_begin + block.first;
    return all.mutable_data_ptr<float>() + row * group();
  }

 private:
  const AttentionProblem& problem_;
  std::int64_t head_;
  AttentionSpan span_;
};

/// float32 memory of a thread for the matrices of a block.
class Scratch {
 public:
  /// [rows, columns], of undefined content, with `stride` floats to a row.
  at::Tensor matrix(std::int64_t rows, std::int64_t columns, std::int64_t stride) {
    if (!memory_.defined() || memory_.numel() < rows * stride)
      memory_ = at::empty({rows * stride}, at::kFloat);
    return memory_.as_strided({rows, columns}, {stride, 1});
  }
  at::Tensor scores(const Block& block) {
    return matrix(block.rows(), block.tile.keys, block.tile.stride);
  }

  /// A copy of [queries, group, d] as [queries * group, d].
  at::Tensor rows_of(const at::Tensor& queries) {
    at::Tensor rows = matrix(queries.size(0) * queries.size(1), queries.size(2), queries.size(2));
    rows.view(queries.sizes()).copy_(queries);
    return rows;
  }

 private:
  at::Tensor memory_;
};

void multiply(at::Tensor c, const at::Tensor& a, const at::Tensor& b) { at::mm_out(c, a, b); }
void multiply_add(at::Tensor c, const at::Tensor& a, const at::Tensor& b) {
  at::addmm_out(c, c, a, b);
}

float* data(const at::Tensor& x) { return x.mutable_data_ptr<float>(); }

void forward(const AttentionProblem& problem, const Task& task, const AttentionOutput& output) {
  const kernels::SoftmaxKernels kernels = kernels::softmax_kernels();
  const at::Tensor k = task.keys(problem.k).to(at::kFloat), v = task.keys(problem.v).to(at::kFloat);
  Scratch q_memory, score_memory, o_memory;
  std::vector<float> inverse_sums(std::max(kTileRows, task.group()));
  for (const Block& block : task.blocks()) {
    const at::Tensor q = q_memory.rows_of(task.queries(problem.q, block));
    const at::Tensor scores = score_memory.scores(block);
    const at::Tensor o = o_memory.matrix(block.rows(), task.width(), task.width());
    const at::Tensor k_seen = k.narrow(0, block.key_begin, block.tile.keys);
    const at::Tensor v_seen = v.narrow(0, block.key_begin, block.tile.keys);

    multiply(scores, q, k_seen.t());
    kernels.attention_tile(block.tile, data(scores), inverse_sums.data(),
                           task.logsumexps(output.logsumexps, block));
    multiply(o, scores, v_seen);
    kernels.scale_rows(data(o), block.rows(), task.width(), inverse_sums.data());
    const at::Tensor to = task.queries(output.o, block);
    to.copy_(o.view(to.sizes()));
  }
}

struct AttentionGradients {
  at::Tensor q, k, v;
};

void backward(const AttentionProblem& problem, const Task& task, const at::Tensor& upstream,
              const at::Tensor& logsumexps, const AttentionGradients& gradients) {
  const kernels::SoftmaxKernels kernels = kernels::softmax_kernels();
  const at::Tensor k = task.keys(problem.k).to(at::kFloat), v = task.keys(problem.v).to(at::kFloat);
  const at::Tensor dk = at::zeros(k.sizes(), k.options());
  const at::Tensor dv = at::zeros(k.sizes(), k.options());
  Scratch q_memory, score_memory, dscore_memory, do_memory;
  for (const Block& block : task.blocks()) {
    const auto seen = [&](const at::Tensor& x) {
      return x.narrow(0, block.key_begin, block.tile.keys);
    };
    const at::Tensor q = q_memory.rows_of(task.queries(problem.q, block));
    const at::Tensor d_o = do_memory.rows_of(task.queries(upstream, block));
    const at::Tensor p = score_memory.scores(block);
    const at::Tensor ds = dscore_memory.scores(block);

    multiply(p, q, seen(k).t());
    multiply(ds, d_o, seen(v).t());
    kernels.attention_tile_backward(block.tile, data(p), data(ds),
                                    task.logsumexps(logsumexps, block));
    multiply_add(seen(dv), p.t(), d_o);
    multiply_add(seen(dk), ds.t(), q);
    multiply(q, ds, seen(k));  // the queries are needed no more: their gradient takes their place
    const at::Tensor to = task.queries(gradients.q, block);
    to.copy_(q.view(to.sizes()));
  }
  task.keys(gradients.k).copy_(dk);
  task.keys(gradients.v).copy_(dv);
}

/// Calls work(task) for all tasks of a problem, longest sequences first, each on one thread.
template <class Work>
void for_tasks(const AttentionProblem& problem, const Work& work) {
  AttentionProblem sorted = problem;
  std::ranges::stable_sort(sorted.spans, std::ranges::greater(), &AttentionSpan::keys);
  const auto count = static_cast<std::int64_t>(sorted.spans.size()) * problem.k.size(1);
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    // A thread's first ATen operation sets its number of threads: now, not after MKL's is limited.
    (void)at::get_num_threads();
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    const SingleThreadedMkl single;
    for (std::int64_t i = next++; i < count; i = next++) work(Task(sorted, i));
  });
}

}  // namespace

AttentionOutput attention_forward(const AttentionProblem& problem) {
  const at::Tensor& q = problem.q;
  const std::int64_t kv_heads = problem.k.size(1);
  AttentionOutput output = {
      .o = at::empty(q.sizes(), q.options()),
      .logsumexps = at::empty({kv_heads, q.size(0), q.size(1) / kv_heads}, at::kFloat)};
  for_tasks(problem, [&](const Task& task) { forward(problem, task, output); });
  return output;
}

Tensors attention_backward(const AttentionProblem& problem, const at::Tensor& upstream,
                           const at::Tensor& logsumexps) {
  const auto like = [](const at::Tensor& x) { return at::empty(x.sizes(), x.options()); };
  const AttentionGradients gradients = {like(problem.q), like(problem.k), like(problem.v)};
  for_tasks(problem,
            [&](const Task& task) { backward(problem, task, upstream, logsumexps, gradients); });
  return {gradients.q, gradients.k, gradients.v};
}

}  // namespace polaris::nn
