#include "weights/random_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace polaris {
namespace {

constexpr float kStandardDeviation = 0.02F;
constexpr std::uint64_t kBlock = 4;       // elements of one Philox block
constexpr std::int64_t kGrain = 1 << 15;  // elements that a thread takes at once

using Words = std::array<std::uint32_t, kBlock>;
using Block = std::array<float, kBlock>;
/// Four consecutive values from four random words.
using MakeBlock = std::function<Block(const Words&)>;

/// In (0, 1], so that it has a logarithm.
float uniform(std::uint32_t word) { return (static_cast<float>(word) + 0.5F) * 0x1p-32F; }

/// Box-Muller, two words for two values.
Block normal_block(const Words& words) {
  Block block;
  for (std::size_t i = 0; i < kBlock; i += 2) {
    const float radius = kStandardDeviation * std::sqrt(-2.0F * std::log(uniform(words[i])));
    const float angle = 2.0F * std::numbers::pi_v<float> * uniform(words[i + 1]);
    block[i] = radius * std::cos(angle);
    block[i + 1] = radius * std::sin(angle);
  }
  return block;
}

template <class Value>
MakeBlock each_word(Value value) {
  return [value](const Words& words) {
    Block block;
    for (std::size_t i = 0; i < kBlock; ++i) block[i] = value(uniform(words[i]));
    return block;
  };
}

MakeBlock constant(float value) {
  return each_word([value](float) { return value; });
}

/// How the values of a tensor are distributed.
MakeBlock distribution(std::string_view name, const ModelConfig& config) {
  if (name.ends_with(".linear_attn.norm.weight")) return constant(1.0F);
  if (name.ends_with("norm.weight")) return constant(config.zero_centred_norms() ? 0.0F : 1.0F);
  if (name.ends_with(".A_log"))
    return each_word([](float u) { return std::log(0.01F + 15.99F * u); });
  if (name.ends_with(".dt_bias")) return constant(1.0F);
  if (name.ends_with(".conv1d.weight")) {
    const float bound = 1.0F / std::sqrt(static_cast<float>(config.linear_attention->conv_kernel));
    return each_word([bound](float u) { return bound * (2.0F * u - 1.0F); });
  }
  POLARIS_CHECK(name.ends_with("_proj.weight") || name.ends_with("_proj_qkv.weight") ||
                    name.find(".in_proj_") != name.npos || name == "embed_tokens.weight" ||
                    name == "lm_head.weight",
                "no distribution is known for {}", name);
  return normal_block;
}

}  // namespace

void RandomWeights::fill(std::string_view canonical_name, Dtype dtype, std::uint64_t first_element,
                         std::span<std::byte> piece) const {
  const MakeBlock make_block = distribution(canonical_name, config_);
  const StreamId tensor{
      .seed = seed_, .prompt_hash = id_hash(canonical_name), .purpose = RandomPurpose::kInit};
  const std::size_t width = weight_bytes(dtype);
  const auto count = static_cast<std::int64_t>(piece.size() / width);
  pool_.parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(end - begin));
    StreamId stream = tensor;
    Block block;
    std::uint64_t element = first_element + static_cast<std::uint64_t>(begin);
    for (std::size_t i = 0; i < values.size(); ++i, ++element) {
      if (i == 0 || element % kBlock == 0) {
        const std::uint64_t position = element / kBlock;
        stream.step = static_cast<std::uint32_t>(position >> 32);
        block = make_block(stream.draw(static_cast<std::uint32_t>(position)));
      }
      values[i] = block[element % kBlock];
    }
    convert(std::as_bytes(std::span(values)), Dtype::kF32,
            piece.subspan(static_cast<std::size_t>(begin) * width, values.size() * width), dtype);
  });
}

}  // namespace polaris
