/// What a device knows of the sequences that it writes, one per slot: plain C++, for kernels and
/// for who reads them back.
#pragma once

#include <array>
#include <cstdint>

namespace polaris::cuda {

enum class SlotStatus : std::int32_t {
  kIdle,     ///< nothing is being written
  kWriting,  ///< wants more tokens
  kEnded,    ///< its last token ended it
  kFull,     ///< it has as many tokens as it may have
  kDamaged,  ///< its logits were no finite numbers
};

/// The sequence in one slot. As a tensor: kSlotInts int32.
struct SlotState {
  SlotStatus status = SlotStatus::kIdle;
  std::int32_t length = 0;  ///< tokens in the cache
  std::int32_t next = 0;    ///< the token drawn last, which the cache gets next
  std::int32_t drawn = 0;   ///< tokens drawn; the position of the next in its random stream
  std::array<std::uint32_t, 2> seed = {};                           ///< low word first
  std::uint32_t prompt_hash = 0, step = 0, sample_and_purpose = 0;  ///< as in StreamId::draw()
  std::array<std::int32_t, 7> unused = {};
};
constexpr int kSlotInts = 16;
static_assert(sizeof(SlotState) == kSlotInts * sizeof(std::int32_t));

/// A token and its log-probabilities in nats: plain, and after all filters. As a tensor: three
/// int32.
struct TokenRecord {
  std::int32_t token;
  float logprob, sampled_logprob;
};
constexpr int kRecordInts = 3;
static_assert(sizeof(TokenRecord) == kRecordInts * sizeof(std::int32_t));

}  // namespace polaris::cuda
