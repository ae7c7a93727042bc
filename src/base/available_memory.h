#pragma once

#include <cstdint>
#include <optional>

namespace polaris {

/// Bytes of main memory that this process could take now without swapping: what the system calls
/// available, and no more than what is left of the control group's limit. Nothing where the system
/// does not say.
std::optional<std::int64_t> available_memory_bytes();

/// The most main memory that this process has held so far, in bytes.
double peak_memory_bytes();

}  // namespace polaris
