#include "app/resumable.h"

#include <iostream>

#include "base/error.h"
#include "base/interrupt.h"

namespace polaris {

void resumable(const std::function<void()>& work, const std::string& again) {
  watch_for_interrupt();
  try {
    work();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInterrupted) throw;
    throw Error(e.code(), fmt::format("{}; go on with: {}", e.what(), again));
  }
}

TrainingRun terminal_run(const RunConfig& config, const std::filesystem::path& config_file,
                         const std::filesystem::path& run_dir) {
  return {.config = config,
          .config_file = config_file,
          .run_dir = run_dir,
          .terminal = &std::cout,
          .interrupted = interrupt_requested,
          .note = [](const std::string& note) { std::cout << "note: " << note << '\n'; }};
}

}  // namespace polaris
