#include "nn/internal/logprob_head.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "base/error.h"
#include "nn/cuda/head_blocks.h"
#include "nn/internal/gemm.h"
#include "nn/internal/row_ops.h"
#include "nn/kernels/softmax_kernels.h"

namespace polaris::nn {
namespace {

/// On a CPU a tile of logits fits into a core's cache, unless it would then have fewer than
/// kCpuTileRows rows (every tile reads the whole weight, and reads and writes its gradient); with a
/// large vocabulary memory is the limit. On a GPU a tile is so large that the weight's gradient
/// does not matter. In float32 elements.
constexpr std::int64_t kCpuCachedTile = std::int64_t{1} << 20;
constexpr std::int64_t kCpuTileRows = 128;
constexpr std::int64_t kCpuLargestTile = std::int64_t{16} << 20;
constexpr std::int64_t kGpuTile = std::int64_t{256} << 20;

std::int64_t rows_of_tile(const at::Tensor& h, std::int64_t vocab) {
  const std::int64_t rows =
      h.is_cpu() ? std::max(kCpuCachedTile / vocab, std::min(kCpuTileRows, kCpuLargestTile / vocab))
                 : kGpuTile / vocab;
  return std::max<std::int64_t>(rows, 8);
}

/// dh = dz W. On the CPU takes the weight in parts of this many elements, because a product of
/// bfloat16 matrices may hold a float32 copy of its operands.
constexpr std::int64_t kWeightPart = std::int64_t{4} << 20;

void multiply_by_weight(const at::Tensor& dh, const at::Tensor& dz, const at::Tensor& weight) {
  if (!dh.is_cpu()) {
    gemm_nn(dh, dz, weight);
    return;
  }
  const bool narrow = dh.scalar_type() == at::kBFloat16;
  const at::Tensor sums = narrow ? at::empty(dh.sizes(), dh.options().dtype(at::kFloat)) : dh;
  const std::int64_t vocab = weight.size(0);
  const std::int64_t part = std::max<std::int64_t>(kWeightPart / weight.size(1), 1);
  for (std::int64_t first = 0; first < vocab; first += part) {
    const std::int64_t count = std::min(part, vocab - first);
    gemm_nn(sums, dz.narrow(1, first, count), weight.narrow(0, first, count),
            /*accumulate=*/first > 0);
  }
  if (narrow) dh.copy_(sums);
}

at::ScalarType logit_type(const at::Tensor& h) {
  return h.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

/// Some rows: from logits to scores, then from the loss's derivative to that of the logits.
struct Tile {
  at::Tensor logits;   ///< [n, V], overwritten with what the gradient needs
  at::Tensor targets;  ///< [n]
  double temperature;
  std::vector<float> sums;  ///< fused form: of each row's exponentials
  at::Tensor logsumexps;    ///< kernels for a GPU: [n] of logits / temperature
};

struct TileScores {
  std::span<float> logprobs, entropies;  ///< [n]
  std::span<std::int64_t> top_ids;       ///< [n], or empty: not asked for
  std::span<float> max_logits;           ///< likewise
};

/// The fused form: one pass over a row for the scores, one for the gradient.
void score_rows(Tile& tile, const TileScores& scores) {
  const kernels::SoftmaxKernels kernels = kernels::softmax_kernels();
  const std::int64_t width = tile.logits.size(1);
  auto* logits = tile.logits.mutable_data_ptr<float>();
  const auto* targets = tile.targets.const_data_ptr<std::int64_t>();
  tile.sums.resize(scores.logprobs.size());
  for_rows(tile.logits.size(0), width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const kernels::LogitRow row = kernels.logit_row(
          logits + i * width, width, targets[i], static_cast<float>(1.0 / tile.temperature),
          scores.top_ids.empty() ? nullptr : &scores.top_ids[i]);
      scores.logprobs[i] = row.logprob;
      scores.entropies[i] = row.entropy;
      tile.sums[i] = row.sum;
      if (!scores.max_logits.empty()) scores.max_logits[i] = row.max;
    }
  });
}

/// @param slopes  [n] d loss / d logprob
/// @return        [n, V] d loss / d logits in `type`
at::Tensor gradient_rows(const Tile& tile, std::span<const float> slopes, at::ScalarType type) {
  const kernels::SoftmaxKernels kernels = kernels::softmax_kernels();
  const std::int64_t width = tile.logits.size(1);
  const bool narrow = type == at::kBFloat16;
  const at::Tensor dz =
      narrow ? at::empty(tile.logits.sizes(), tile.logits.options().dtype(type)) : tile.logits;
  const auto* rows = tile.logits.const_data_ptr<float>();
  const auto* targets = tile.targets.const_data_ptr<std::int64_t>();
  for_rows(tile.logits.size(0), width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto scale = static_cast<float>(slopes[i] / tile.temperature);
      if (narrow) {
        kernels.logit_gradient_bf16(rows + i * width, mutable_data<kernels::Bf16>(dz) + i * width,
                                    width, targets[i], tile.sums[i], scale);
      } else {
        kernels.logit_gradient(rows + i * width, mutable_data<float>(dz) + i * width, width,
                               targets[i], tile.sums[i], scale);
      }
    }
  });
  return dz;
}

bool has_gpu_kernels(const at::Tensor& h) { return is_row_type(h) && takes_gpu_kernels(h); }

float inverse_temperature(const Tile& tile) { return static_cast<float>(1.0 / tile.temperature); }

/// `to` = `from`, which may be on a GPU.
template <class T>
void read_back(const at::Tensor& from, std::span<T> to) {
  constexpr auto kType = std::is_same_v<T, float> ? at::kFloat : at::kLong;
  at::from_blob(to.data(), {static_cast<std::int64_t>(to.size())}, kType).copy_(from);
}

/// By kernels for a GPU: the logits stay as they are.
void score_rows_on_gpu(Tile& tile, const TileScores& scores) {
  const std::int64_t rows = tile.logits.size(0);
  const at::Tensor out = at::empty({4, rows}, tile.logits.options());
  const at::Tensor ids = at::empty_like(tile.targets);
  const bool with_top = !scores.top_ids.empty();
  tile.logsumexps = out[2];
  run_blocks(cuda::LogitScores{.logits = data<float>(tile.logits),
                               .width = tile.logits.size(1),
                               .targets = tile.targets.const_data_ptr<std::int64_t>(),
                               .inverse_temperature = inverse_temperature(tile),
                               .logprobs = mutable_data<float>(out[0]),
                               .entropies = mutable_data<float>(out[1]),
                               .logsumexps = mutable_data<float>(out[2]),
                               .top_ids = with_top ? ids.mutable_data_ptr<std::int64_t>() : nullptr,
                               .max_logits = with_top ? mutable_data<float>(out[3]) : nullptr},
             rows, tile.logits);
  const at::Tensor host = out.cpu();
  read_back(host[0], scores.logprobs);
  read_back(host[1], scores.entropies);
  if (!with_top) return;
  read_back(host[3], scores.max_logits);
  read_back(ids, scores.top_ids);
}

at::Tensor gradient_rows_on_gpu(const Tile& tile, std::span<const float> slopes,
                                at::ScalarType type) {
  std::vector<float> scaled(slopes.begin(), slopes.end());
  for (float& slope : scaled) slope = static_cast<float>(slope / tile.temperature);
  const at::Tensor there = at::tensor(scaled).to(tile.logits.device(), /*non_blocking=*/true);
  const at::Tensor dz = at::empty(tile.logits.sizes(), tile.logits.options().dtype(type));
  with_row_type(dz, [&]<class T>(T) {
    const cuda::LogitGradient<T> kernel{.logits = data<float>(tile.logits),
                                        .width = tile.logits.size(1),
                                        .targets = tile.targets.const_data_ptr<std::int64_t>(),
                                        .inverse_temperature = inverse_temperature(tile),
                                        .logsumexps = data<float>(tile.logsumexps),
                                        .slopes = data<float>(there),
                                        .dz = mutable_data<T>(dz)};
    run_blocks(kernel, tile.logits.size(0) * kernel.tiles(), tile.logits);
  });
  return dz;
}

/// The definitions, in plain ATen operations: any device and type. The logits become log p.
void score_composite(Tile& tile, const TileScores& scores) {
  if (!scores.top_ids.empty()) {
    const auto [max, id] = tile.logits.max(1);
    read_back(max, scores.max_logits);
    read_back(id, scores.top_ids);
  }
  tile.logits = tile.logits.div_(tile.temperature).log_softmax(-1);
  const at::Tensor logprobs = tile.logits.gather(1, tile.targets.unsqueeze(1)).squeeze(1);
  const at::Tensor entropies = tile.logits.exp().mul_(tile.logits).sum(-1).neg();
  read_back(logprobs, scores.logprobs);
  read_back(entropies, scores.entropies);
}

at::Tensor gradient_composite(const Tile& tile, std::span<const float> slopes,
                              at::ScalarType type) {
  const at::Tensor a = at::from_blob(const_cast<float*>(slopes.data()),
                                     {static_cast<std::int64_t>(slopes.size())}, at::kFloat)
                           .to(tile.logits.options())
                           .div_(tile.temperature)
                           .unsqueeze(1);
  at::Tensor dz = tile.logits.exp().mul_(a).neg_();
  dz.scatter_add_(1, tile.targets.unsqueeze(1), a);
  return dz.to(type);
}

void score(Tile& tile, const TileScores& scores, const at::Tensor& h) {
  if (has_gpu_kernels(h)) return score_rows_on_gpu(tile, scores);
  if (has_row_kernels(h)) return score_rows(tile, scores);
  score_composite(tile, scores);
}

at::Tensor gradient(const Tile& tile, std::span<const float> slopes, const at::Tensor& h) {
  if (has_gpu_kernels(h)) return gradient_rows_on_gpu(tile, slopes, h.scalar_type());
  if (has_row_kernels(h)) return gradient_rows(tile, slopes, h.scalar_type());
  return gradient_composite(tile, slopes, h.scalar_type());
}

/// Walks over the tiles; `backward` is called for each behind its scores.
HeadScores walk(const at::Tensor& h, const at::Tensor& weight, const at::Tensor& targets,
                double temperature, bool with_top, std::int64_t tile_rows,
                const std::function<void(std::int64_t first, Tile& tile,
                                         std::span<const float> logprobs)>& backward) {
  const std::int64_t count = h.size(0), vocab = weight.size(0);
  POLARIS_CHECK(temperature > 0, "temperature {}", temperature);
  POLARIS_CHECK(targets.dim() == 1 && targets.size(0) == count && weight.size(1) == h.size(1),
                "{} targets for {} rows", targets.numel(), count);
  if (count == 0) return {};
  POLARIS_CHECK(
      targets.min().item<std::int64_t>() >= 0 && targets.max().item<std::int64_t>() < vocab,
      "a target outside of 0 .. {}", vocab - 1);
  HeadScores scores{.logprobs = std::vector<float>(count), .entropies = std::vector<float>(count)};
  if (with_top) {
    scores.top_ids.resize(count);
    scores.max_logits.resize(count);
  }
  const std::int64_t most = std::min(tile_rows > 0 ? tile_rows : rows_of_tile(h, vocab), count);
  const at::Tensor memory = at::empty({most, vocab}, h.options().dtype(logit_type(h)));
  for (std::int64_t first = 0; first < count; first += most) {
    const std::int64_t rows = std::min(most, count - first);
    Tile tile{.logits = memory.narrow(0, 0, rows),
              .targets = targets.narrow(0, first, rows).contiguous(),
              .temperature = temperature};
    gemm_nt(tile.logits, h.narrow(0, first, rows), weight);
    TileScores part{.logprobs = std::span(scores.logprobs).subspan(first, rows),
                    .entropies = std::span(scores.entropies).subspan(first, rows)};
    if (with_top) {
      part.top_ids = std::span(scores.top_ids).subspan(first, rows);
      part.max_logits = std::span(scores.max_logits).subspan(first, rows);
    }
    score(tile, part, h);
    if (backward) backward(first, tile, part.logprobs);
  }
  return scores;
}

}  // namespace

HeadScores head_logprobs(const at::Tensor& h, const at::Tensor& weight, const at::Tensor& targets,
                         double temperature, bool with_top) {
  return walk(h, weight, targets, temperature, with_top, /*tile_rows=*/0, nullptr);
}

HeadScores head_forward_backward(const at::Tensor& h, const Weight& weight,
                                 const at::Tensor& targets, double temperature,
                                 const LossGradient& loss_gradient, const at::Tensor& dh,
                                 std::int64_t tile_rows) {
  std::vector<float> slopes;
  return walk(h, weight.value, targets, temperature, /*with_top=*/false, tile_rows,
              [&](std::int64_t first, Tile& tile, std::span<const float> logprobs) {
                const auto rows = static_cast<std::int64_t>(logprobs.size());
                const at::Tensor dh_rows = dh.narrow(0, first, rows);
                slopes.assign(logprobs.size(), 0.0F);
                loss_gradient(first, logprobs, slopes);
                if (std::ranges::all_of(slopes, [](float a) { return a == 0.0F; })) {
                  dh_rows.zero_();
                  return;
                }
                const at::Tensor dz = gradient(tile, slopes, h);
                multiply_by_weight(dh_rows, dz, weight.value);
                if (weight.gradient.defined())
                  gemm_tn(weight.gradient, dz, h.narrow(0, first, rows), /*accumulate=*/true);
              });
}

}  // namespace polaris::nn
