#pragma once

namespace polaris {

/// Blocks all signals in the calling thread. First call of every background thread: Ctrl-C then
/// always reaches the main thread, and a write to a closed connection fails with EPIPE instead of
/// ending the process.
void block_signals();

}  // namespace polaris
