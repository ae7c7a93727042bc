#include "base/thread_signals.h"

#include <pthread.h>

#include <csignal>
#include <initializer_list>

namespace polaris {

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  // A fault in this thread must still end the process with its own signal, not hang it.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace polaris
