#include "nn/kernels/delta_recurrence.h"

namespace polaris::kernels {

void delta_step(const DeltaTokens<float>& tokens, float* states, const std::int64_t* slots,
                std::int64_t first_item, std::int64_t end_item) {
  const auto kernel = delta_recurrence_float();
  const std::int64_t state_size = tokens.key_size * tokens.value_size;
  for (std::int64_t item = first_item; item < end_item; ++item) {
    const std::int64_t sequence = item / tokens.value_heads;
    const std::int64_t head = item % tokens.value_heads;
    float* state = states + (slots[sequence] * tokens.value_heads + head) * state_size;
    kernel.run(tokens, state, head, sequence, 1);
  }
}

}  // namespace polaris::kernels
