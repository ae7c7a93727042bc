#pragma once

namespace polaris {

/// From now on the first Ctrl-C (or SIGTERM) only sets a flag, so that work can end at a point it
/// can be continued from; the second one ends the process at once.
void watch_for_interrupt();

/// Whether the flag is set. Any thread may ask.
bool interrupt_requested();

}  // namespace polaris
