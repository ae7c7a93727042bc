#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "nn/cuda/draw_rules.h"
#include "nn/device_session.h"
#include "nn/internal/slot_decoder.h"
#include "nn/internal/step_graph.h"

namespace polaris::nn {

/// What DeviceSession does, for any decoder.
class SlotWriter {
 public:
  /// @param decoder  outlives this
  SlotWriter(const Decoder& decoder, std::int64_t slots, std::int64_t max_tokens,
             const DrawConfig& config);

  /// What the constructor takes for each slot.
  static std::int64_t bytes_per_slot(const Decoder& decoder, std::int64_t max_tokens,
                                     const DrawConfig& config);

  void begin(std::int64_t slot, std::span<const TokenId> prompt);
  void start(std::int64_t to, const StreamId& stream);
  std::vector<DeviceProgress> advance(std::int64_t steps);

 private:
  /// Steps with as many rows have their slots in one place, so that they can be recorded.
  struct Bucket {
    at::Tensor slots;        // [rows] those that are live, then -1
    std::int64_t steps = 0;  // so far
  };

  Bucket& fill_bucket();
  void step(Bucket& bucket);
  at::Tensor on_device(const std::vector<std::int32_t>& values) const;
  void draw(const at::Tensor& logits, const at::Tensor& slots);
  std::vector<DeviceProgress> read_back();

  const Decoder& decoder_;
  cuda::DrawRules rules_;
  PhaseArena arena_;
  DecoderCache cache_;
  SlotDecoder steps_;
  at::Tensor sequences_;      // [n] int32: states, then records, to be read back at once
  at::Tensor states_;         // [slots, kSlotInts]
  at::Tensor records_;        // [slots * ring * kRecordInts]
  at::Tensor seen_, counts_;  // as DrawToken has them
  at::Tensor stop_tokens_;
  std::int64_t prompt_slot_ = 0;
  at::Tensor prompt_logits_;        // [1, vocab] behind the prompt that was begun last
  std::vector<std::int64_t> live_;  // slots that are being written
  bool has_changed_ = true;         // since the bucket was filled
  std::map<std::int64_t, Bucket> buckets_;
  std::optional<StepGraphs> graphs_;
  std::vector<std::int32_t> read_;  // [slots] tokens that the host has seen
};

}  // namespace polaris::nn
