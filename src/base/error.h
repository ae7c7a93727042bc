#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace polaris {

/// Says what the person at the terminal can do about it. The value is the process exit code.
enum class ErrorCode {
  kInvalidConfig = 2,  ///< fix a config key or a flag; the message names it
  kInvalidData = 3,    ///< fix an input file; the message names file and record
  kIo = 4,             ///< disk full, permission denied, file missing
  kUnavailable = 5,    ///< a remote judge or rollout server stayed unreachable after retries
  kOutOfMemory = 6,    ///< host or device; the message says which limit to lower
  kBudget = 7,         ///< the next paid call could exceed the budget; the run is resumable
  kGuard = 8,          ///< a guard stopped the run; the message says which and why
  kInternal = 70,      ///< a bug in this program
  kInterrupted = 130,  ///< Ctrl-C; the run is resumable
};

/// The only exception type that crosses a module boundary.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ErrorCode code() const noexcept { return code_; }

  /// The same error with what was being done put in front: "scoring prompt p17: <message>".
  Error within(std::string_view doing) const {
    return {code_, fmt::format("{}: {}", doing, what())};
  }

 private:
  ErrorCode code_;
};

/// Checks an invariant of this program (never user input): POLARIS_CHECK(n > 0, "n is {}", n).
/// Costs one branch when it holds.
#define POLARIS_CHECK(condition, ...)                                                       \
  do {                                                                                      \
    if (!(condition)) [[unlikely]] {                                                        \
      throw ::polaris::Error(::polaris::ErrorCode::kInternal,                               \
                             fmt::format("{}:{}: !({}) ", __FILE__, __LINE__, #condition) + \
                                 fmt::format("" __VA_ARGS__));                              \
    }                                                                                       \
  } while (false)

}  // namespace polaris
