/// The optimizer's kernels for a GPU (blocks.h). They give the bits of those for the CPU
/// (kernels/adamw_kernels.h), whose arithmetic they share.
#pragma once

#include "base/philox.h"
#include "nn/cuda/blocks.h"
#include "nn/kernels/adamw_arithmetic.h"

namespace polaris::cuda {

/// Words of one block of random numbers; kernels/adamw_kernels.h says which parameters take them.
POLARIS_INLINE auto rounding_words(const kernels::RoundingStream& stream, std::uint64_t block) {
  return philox(
      {static_cast<std::uint32_t>(block >> 32), stream.step, static_cast<std::uint32_t>(block),
       stream.purpose},
      {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
}

/// A step with float32 or bfloat16 moments. A lane takes the parameters that share a block of
/// random words: i, i + 16 .. i + 112 of 128. Neighbours take neighbouring ones.
template <class Weights, class Moment>
struct AdamWUpdate {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "adamw";
  static constexpr std::int64_t kPerLane = 8;
  static constexpr std::int64_t kStride = 16;
  static constexpr std::int64_t kPerIndex = kLanes * kPerLane;

  Weights weights;
  const float* gradient;
  Moment *m, *v;
  std::int64_t first, count;
  kernels::AdamWConstants constants;

  /// How many indices there are: the range begins and ends anywhere.
  std::int64_t indices() const {
    const std::int64_t begin = first / kPerIndex, last = (first + count - 1) / kPerIndex;
    return count == 0 ? 0 : last - begin + 1;
  }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    block.each([&](int lane) {
      const std::int64_t drawn = (first / kPerIndex + index) * kLanes + lane;
      const std::int64_t begin = drawn / kStride * (kStride * kPerLane) + drawn % kStride - first;
      std::array<std::uint32_t, 4> words = {};
      if constexpr (sizeof(Moment) == 2)
        words = rounding_words(constants.rounding, static_cast<std::uint64_t>(drawn));
      Values values[kPerLane];  // everything is read before anything is written
      for (int j = 0; j < kPerLane; ++j) {
        const std::int64_t i = begin + kStride * j;
        if (i >= 0 && i < count)
          values[j] = {gradient[i], kernels::load(m[i]), kernels::load(v[i]), weights.get(i)};
      }
      for (int j = 0; j < kPerLane; ++j) {
        const std::int64_t i = begin + kStride * j;
        if (i >= 0 && i < count)
          update(i, values[j], static_cast<std::uint16_t>(words[j % 4] >> (j < 4 ? 0 : 16)));
      }
    });
  }

 private:
  struct Values {
    float gradient, m, v, weight;
  };

  POLARIS_DEVICE void update(std::int64_t i, const Values& old, std::uint16_t random) const {
    const float g = constants.gradient_scale * old.gradient;
    const float new_m = kernels::moved_m(old.m, g, constants);
    const float new_v = kernels::moved_v(old.v, g, constants);
    kernels::store(m[i], new_m);
    kernels::store_at_random(v[i], new_v, random);
    weights.set(i, kernels::moved_weight(old.weight, new_m, kernels::root_of(new_v), constants));
  }
};

/// A step with 8-bit moments. An index is a block of them, a lane one parameter.
template <class Weights>
struct AdamWUpdate8 {
  static constexpr int kLanes = kernels::kMomentBlock;
  static constexpr const char* kName = "adamw8";

  Weights weights;
  const float* gradient;
  std::int8_t* m;
  std::uint8_t* root;
  float *m_scale, *root_scale;
  std::int64_t first, count;
  kernels::AdamWConstants constants;

  std::int64_t indices() const { return (count + kLanes - 1) / kLanes; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    constexpr std::int64_t kTile = 128, kBlocks = 16;  // parameters that share random blocks
    const std::int64_t begin = index * kLanes;
    const std::int64_t first_tile = (first + begin) / kTile;
    std::uint32_t* words = block.template shared<std::uint32_t, 3 * kBlocks * 4>();
    block.each([&](int lane) {
      if (lane >= 3 * kBlocks) return;
      const auto drawn = static_cast<std::uint64_t>(first_tile * kBlocks + lane);
      const std::array<std::uint32_t, 4> four = rounding_words(constants.rounding, drawn);
      for (int j = 0; j < 4; ++j) words[4 * lane + j] = four[j];
    });

    float* new_m = block.template shared<float, 2 * kLanes>();
    float* new_root = new_m + kLanes;
    block.each([&](int lane) {
      const std::int64_t i = begin + lane;
      new_m[lane] = new_root[lane] = 0;
      if (i >= count) return;
      const float old_root =
          kernels::magnitude_of<kernels::SecondMomentMap>(root[i]) * root_scale[index];
      const float g = constants.gradient_scale * gradient[i];
      const float old_m = kernels::first_moment_of(m[i], m_scale[index]);
      new_m[lane] = kernels::moved_m(old_m, g, constants);
      new_root[lane] = kernels::root_of(kernels::moved_v(old_root * old_root, g, constants));
      weights.set(i, kernels::moved_weight(weights.get(i), new_m[lane], new_root[lane], constants));
    });
    // Bits of magnitudes are in their order.
    const std::int32_t most_m_bits =
        block.max([&](int lane) { return kernels::bits_of(new_m[lane]) & INT32_MAX; });
    const std::int32_t most_root_bits =
        block.max([&](int lane) { return kernels::bits_of(new_root[lane]); });
    const float most_m = kernels::float_of(most_m_bits);
    const float most_root = kernels::float_of(most_root_bits);
    block.each([&](int lane) {
      const std::int64_t i = begin + lane;
      if (lane == 0) {
        m_scale[index] = most_m;
        root_scale[index] = most_root;
      }
      if (i >= count) return;
      const std::int64_t tile = (first + i) / kTile - first_tile, r = (first + i) % kTile;
      const std::uint32_t word = words[4 * (tile * kBlocks + r % kBlocks) + r / kBlocks % 4];
      const auto random = static_cast<std::uint16_t>(word >> (r < kTile / 2 ? 0 : 16));
      m[i] = kernels::first_moment_code(new_m[lane], kernels::inverse_scale(most_m));
      root[i] = kernels::root_code(new_root[lane], kernels::inverse_scale(most_root), random);
    });
  }
};

/// partials[index] = sum of x^2 over an index's elements, in double: the bits of
/// AdamWKernels::sum_of_squares over the same.
template <class T>
struct SumOfSquares {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "sum_of_squares";

  const T* x;
  std::int64_t count, per_index;
  double* partials;

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t begin = index * per_index;
    const std::int64_t end = begin + per_index < count ? begin + per_index : count;
    const double sum = block.sum_in_order([&](int lane) {
      double own = 0;
      for (std::int64_t i = begin + lane; i < end; i += kLanes)
        own += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      return own;
    });
    block.each([&](int lane) {
      if (lane == 0) partials[index] = sum;
    });
  }
};

}  // namespace polaris::cuda
