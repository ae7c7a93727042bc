// Random numbers that depend on what they are for and on nothing else: not on threads, batches,
// slots, ranks or restarts. Everything here is stable forever; the tests hold the literals.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/philox.h"

namespace polaris {

/// A name as a counter word: FNV-1a of 64 bits, upper half xor lower half. Prompts that share a
/// hash (1 in 4e9 for a pair) share their random numbers, which harms nothing.
std::uint32_t id_hash(std::string_view id);

/// What numbers are drawn for; one purpose never sees another's. Values are never reused.
enum class RandomPurpose : std::uint8_t {
  kSampling = 0,
  kData = 1,
  kInit = 2,
  kRetryJitter = 3,
  kBootstrap = 4,
  kRounding = 5,
};

/// Names one stream of random numbers (specs/performance.md C.5).
struct StreamId {
  std::uint64_t seed = 0;         ///< the key
  std::uint32_t prompt_hash = 0;  ///< id_hash() of the prompt, or of what else is drawn for
  std::uint32_t step = 0;
  std::uint32_t sample = 0;  ///< below 2^24
  RandomPurpose purpose = RandomPurpose::kSampling;

  /// The four words at `position`:
  ///   philox({prompt_hash, step, position, sample << 8 | purpose}, {low, high word of seed})
  std::array<std::uint32_t, 4> draw(std::uint32_t position) const;
};

/// Walks the positions of a stream. A copy walks on its own from where the original stands.
class RandomStream {
 public:
  explicit RandomStream(const StreamId& id) : id_(id) {}

  /// @throws Error{kInternal} after 2^34 words: the stream does not begin again in silence
  std::uint32_t next_u32();

  /// Uniform in [0, 1); takes two words.
  double uniform();

  /// Uniform among 0 .. n - 1, without bias; n > 0.
  std::uint32_t below(std::uint32_t n);

  /// Mean 0, standard deviation 1 (Box-Muller). The last bits are those of the machine's log and
  /// cos.
  double normal();

  /// Fisher-Yates, from the end.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[below(static_cast<std::uint32_t>(i))]);
  }

 private:
  StreamId id_;
  std::uint64_t position_ = 0;
  std::array<std::uint32_t, 4> words_ = {};
  std::size_t used_ = 4;  // of words_
  std::optional<double> spare_normal_;
};

}  // namespace polaris
