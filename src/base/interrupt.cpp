#include "base/interrupt.h"

#include <csignal>

namespace polaris {
namespace {

volatile std::sig_atomic_t requested = 0;  // all that a signal handler may touch

void on_signal(int signal) {
  requested = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void watch_for_interrupt() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupt_requested() { return requested != 0; }

}  // namespace polaris
