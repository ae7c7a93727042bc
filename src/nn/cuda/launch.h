#pragma once

namespace polaris::cuda {

/// Call behind every launch.
/// @param kernel  what was launched, for the message
/// @throws Error{kOutOfMemory} if the device had no memory for it, Error{kInternal} if it was
///         refused, or if anything queued earlier has failed meanwhile
void check_launch(const char* kernel);

/// check_launch() where something is wrong. Apart because nvcc 13.0 does not compile fmt 9, which
/// base/error.h includes.
[[noreturn]] void throw_launch_error(const char* kernel, const char* reason, bool out_of_memory);

}  // namespace polaris::cuda
