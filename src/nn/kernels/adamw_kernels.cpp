#include "nn/kernels/adamw_kernels.h"

#include "nn/kernels/adamw_arithmetic.h"

// Compiled without fused multiply-adds (-ffp-contract=off in CMakeLists.txt): they round once where
// an instruction set without them rounds twice, and a step must not depend on the machine.

namespace polaris::kernels {
namespace {

constexpr std::int64_t kTile = 128;  // parameters that share 16 blocks of 8 x 16 random bits
constexpr int kBlocks = 16;

/// philox() of base/philox.h for 16 blocks at a time; word w of block b is words[16 w + b].
void draw_tile(RoundingStream stream, std::uint64_t tile, std::uint32_t* words) {
  const std::uint64_t first_block = tile * kBlocks;
#pragma omp simd
  for (int b = 0; b < kBlocks; ++b) {
    // 16 divides 2^32, so the upper word is common to the blocks of a tile.
    auto c0 = static_cast<std::uint32_t>(first_block >> 32);
    auto c1 = stream.step;
    auto c2 = static_cast<std::uint32_t>(first_block) + static_cast<std::uint32_t>(b);
    auto c3 = stream.purpose;
    auto k0 = static_cast<std::uint32_t>(stream.seed);
    auto k1 = static_cast<std::uint32_t>(stream.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * c0;
      const std::uint64_t z = std::uint64_t{0xCD9E8D57} * c2;
      c0 = static_cast<std::uint32_t>(z >> 32) ^ c1 ^ k0;
      c1 = static_cast<std::uint32_t>(z);
      c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
      c3 = static_cast<std::uint32_t>(a);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    words[b] = c0;
    words[kBlocks + b] = c1;
    words[2 * kBlocks + b] = c2;
    words[3 * kBlocks + b] = c3;
  }
}

void tile_bits(RoundingStream stream, std::int64_t tile, std::uint16_t* bits) {
  std::uint32_t words[kTile / 2];
  draw_tile(stream, static_cast<std::uint64_t>(tile), words);
  for (int i = 0; i < kTile / 2; ++i) {
    bits[i] = static_cast<std::uint16_t>(words[i]);
    bits[kTile / 2 + i] = static_cast<std::uint16_t>(words[i] >> 16);
  }
}

void rounding_bits(const RoundingStream& stream, std::int64_t first, std::int64_t count,
                   std::uint16_t* bits) {
  std::uint16_t all[kTile];
  const std::int64_t end = first + count;
  for (std::int64_t i = first; i < end;) {
    tile_bits(stream, i / kTile, all);
    const std::int64_t tile_end = (i / kTile + 1) * kTile;
    const std::int64_t part = (tile_end < end ? tile_end : end) - i;
    __builtin_memcpy(bits + (i - first), all + i % kTile,
                     static_cast<std::size_t>(part) * sizeof(all[0]));
    i += part;
  }
}

/// Elements begin .. end - 1 of the arrays; random[i - begin] rounds element i, if it is rounded.
template <class Weights, class Moment>
void update_part(const Weights weights, Moment* __restrict m, Moment* __restrict v,
                 const float* __restrict gradient, const std::uint16_t* __restrict random,
                 std::int64_t begin, std::int64_t end, const AdamWConstants c) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float g = c.gradient_scale * gradient[i];
    const float new_m = moved_m(load(m[i]), g, c);
    const float new_v = moved_v(load(v[i]), g, c);
    store(m[i], new_m);
    store_at_random(v[i], new_v, random == nullptr ? 0 : random[i - begin]);
    weights.set(i, moved_weight(weights.get(i), new_m, root_of(new_v), c));
  }
}

/// One block of 8-bit moments: what comes out waits in float32 until its largest is known.
template <class Weights>
void update_block(const Weights weights, const float* __restrict gradient,
                  std::int8_t* __restrict m_codes, std::uint8_t* __restrict root_codes,
                  float* __restrict m_scale, float* __restrict root_scale,
                  const std::uint16_t* __restrict random, std::int64_t count,
                  const AdamWConstants c) {
  float m[kMomentBlock];
  float root[kMomentBlock];
  const float old_m_scale = *m_scale;
  const float old_root_scale = *root_scale;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const float old_m = first_moment_of(m_codes[i], old_m_scale);
    const float old_root = magnitude_of<SecondMomentMap>(root_codes[i]) * old_root_scale;
    const float g = c.gradient_scale * gradient[i];
    m[i] = moved_m(old_m, g, c);
    root[i] = root_of(moved_v(old_root * old_root, g, c));
    weights.set(i, moved_weight(weights.get(i), m[i], root[i], c));
  }
  std::int32_t most_m = 0;  // bits of magnitudes, which are in their order
  std::int32_t most_root = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t m_bits = bits_of(m[i]) & INT32_MAX;
    const std::int32_t root_bits = bits_of(root[i]);
    most_m = m_bits > most_m ? m_bits : most_m;
    most_root = root_bits > most_root ? root_bits : most_root;
  }
  *m_scale = __builtin_bit_cast(float, most_m);
  *root_scale = __builtin_bit_cast(float, most_root);
  const float inverse_m = inverse_scale(*m_scale);
  const float inverse_root = inverse_scale(*root_scale);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    m_codes[i] = first_moment_code(m[i], inverse_m);
    root_codes[i] = root_code(root[i], inverse_root, random[i]);
  }
}

template <class Weights>
void update(const Weights& weights, const AdamWArrays& a, const AdamWConstants& c) {
  if (a.m32 != nullptr) {
    update_part(weights, a.m32, a.v32, a.gradient, nullptr, 0, a.count, c);
    return;
  }
  if (a.m8 != nullptr) {
    for (std::int64_t begin = 0; begin < a.count; begin += kMomentBlock) {
      const std::int64_t left = a.count - begin;
      const std::int64_t count = left < kMomentBlock ? left : kMomentBlock;
      const std::int64_t block = begin / kMomentBlock;
      std::uint16_t bits[kMomentBlock];
      rounding_bits(c.rounding, a.first + begin, count, bits);
      update_block(weights.from(begin), a.gradient + begin, a.m8 + begin, a.root8 + begin,
                   a.m_scale + block, a.root_scale + block, bits, count, c);
    }
    return;
  }
  for (std::int64_t begin = 0; begin < a.count;) {
    const std::int64_t tile = (a.first + begin) / kTile;
    const std::int64_t tile_end = (tile + 1) * kTile - a.first;
    const std::int64_t end = tile_end < a.count ? tile_end : a.count;
    std::uint16_t bits[kTile];
    tile_bits(c.rounding, tile, bits);
    update_part(weights, a.m16, a.v16, a.gradient, bits + (a.first + begin) % kTile, begin, end, c);
    begin = end;
  }
}

void update_arrays(const AdamWArrays& arrays, const AdamWConstants& constants) {
  if (arrays.weight != nullptr) {
    update(WholeWeights{arrays.weight}, arrays, constants);
  } else {
    update(SplitWeights{arrays.upper, arrays.lower}, arrays, constants);
  }
}

/// As many running sums as any vector unit keeps busy, so that their order is the same everywhere.
/// The product of two floats is exact in double, and no float32 array overflows the sum.
template <class T>
double sum_of_squares(const T* x, std::int64_t count) {
  constexpr int kLanes = 32;
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const double value = x[i + lane];
      sums[lane] += value * value;
    }
  }
  for (int lane = 0; i < count; ++i, ++lane) sums[lane] += double{x[i]} * x[i];
  double sum = 0;
  for (const double lane : sums) sum += lane;
  return sum;
}

}  // namespace

namespace POLARIS_ISA {
AdamWKernels adamw_kernels() {
  return {update_arrays, rounding_bits, sum_of_squares<float>, sum_of_squares<double>};
}
}  // namespace POLARIS_ISA

}  // namespace polaris::kernels
