#include "judge/call_gate.h"

#include <algorithm>

namespace polaris {

void CallGate::succeeded() {
  constexpr std::int64_t kSuccessesPerStep = 20;
  --in_flight_;
  if (limit_ == most_ || ++successes_ < kSuccessesPerStep) return;
  successes_ = 0;
  ++limit_;
}

void CallGate::overloaded(Wave wave) {
  --in_flight_;
  if (wave != wave_) return;
  ++wave_;
  successes_ = 0;
  limit_ = std::max<std::int64_t>(1, limit_ / 2);
}

}  // namespace polaris
