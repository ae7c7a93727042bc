#pragma once

#include "base/philox.h"
#include "nn/cuda/blocks.h"
#include "nn/cuda/row_choice.h"
#include "nn/cuda/slot_state.h"

namespace polaris::cuda {

/// Draws the next token of every sequence that is being written, as rollout/sampler.h would, and
/// ends the sequence if that was its last.
struct DrawToken {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "draw_token";

  DrawRules rules;
  const float* logits;        ///< [rows, rules.width]
  const std::int32_t* slots;  ///< [rows], -1: nothing
  SlotState* states;          ///< [slots]
  std::uint32_t* seen;        ///< [slots, rules.seen_words()] a bit for each token
  std::int32_t* counts;       ///< [slots, rules.width]; null unless rules.counts_output()
  TokenRecord* records;       ///< [slots, ring]: token n of a sequence is at n mod ring
  std::int32_t ring;

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int32_t slot = slots[row];
    if (slot < 0) return;
    const SlotState state = states[slot];
    if (state.status != SlotStatus::kWriting) return;
    const PenalisedRow penalised{
        .rules = rules,
        .logits = logits + row * rules.width,
        .seen = seen + slot * rules.seen_words(),
        .counts = counts == nullptr ? nullptr : counts + std::int64_t{slot} * rules.width,
        .stops_are_masked = state.drawn < rules.min_new_tokens};
    const RowChoice<kLanes, Block> row_choice(block, penalised);
    Choice choice;
    if (row_choice.is_sound()) choice = row_choice.draw(uniform(state));
    block.each([&](int lane) {
      if (lane == 0) write(row_choice, choice, slot);
    });
  }

 private:
  POLARIS_DEVICE static double uniform(const SlotState& state) {
    const auto words = philox({state.prompt_hash, state.step,
                               static_cast<std::uint32_t>(state.drawn), state.sample_and_purpose},
                              {state.seed[0], state.seed[1]});
    return uniform01(words[0], words[1]);
  }

  template <class RowChoice>
  POLARIS_DEVICE void write(const RowChoice& row_choice, const Choice& choice,
                            std::int32_t slot) const {
    SlotState& state = states[slot];
    if (choice.token == 0) {
      state.status = SlotStatus::kDamaged;
      return;
    }
    const std::int32_t token = token_of(choice.token);
    const double sampled =
        rules.is_greedy() ? 0.0
                          : __builtin_log(row_choice.weight(choice.token) / choice.kept_weight);
    records[std::int64_t{slot} * ring + state.drawn % ring] = {
        .token = token,
        .logprob = static_cast<float>(row_choice.plain_logprob(token)),
        .sampled_logprob = static_cast<float>(sampled)};
    seen[slot * rules.seen_words() + token / 32] |= 1U << (token % 32);
    if (counts != nullptr) ++counts[std::int64_t{slot} * rules.width + token];
    state.next = token;
    ++state.drawn;
    if (rules.stops_end && rules.is_stop(token)) {
      state.status = SlotStatus::kEnded;
    } else if (state.drawn >= rules.max_new_tokens) {
      state.status = SlotStatus::kFull;
    }
  }
};

}  // namespace polaris::cuda
