#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace polaris {

/// Several ranks of one run on this machine (`--ranks N`): this program, started again N times.
struct RankLaunch {
  int ranks = 2;

  /// Of each copy, the program's name not included. A copy finds RANK in its environment: that is
  /// how it knows that it is a rank and starts none itself.
  std::vector<std::string> arguments;

  std::string program = "/proc/self/exe";

  /// How long the others have, once one has failed, to end by themselves and say what they saw;
  /// then again from SIGTERM to SIGKILL.
  double grace_s = 8;
};

/// Starts the ranks and waits until all have ended.
///
/// They get RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR=127.0.0.1 and a free port as MASTER_PORT,
/// share this process's standard input, and die when it does, however that happens. SIGINT and
/// SIGTERM that reach only this process are passed on; a Ctrl-C reaches all of a terminal's
/// processes by itself. Each rank then ends as it would alone.
///
/// Standard output is rank 0's. What the ranks write on standard error goes to `err` line by line,
/// that of rank 0 as it is and that of the others behind "rank 2: "; but a line that another rank
/// has written already is left out, so that a cause which all of them see is seen once.
///
/// If a rank fails, the others are ended too (grace_s); not where it ended as all do at the same
/// point (interrupted, budget reached, stopped by a guard): another may still be saving.
/// @return the exit code of the rank that failed first, else 0. A rank that was killed is reported
///         on `err` by the name of the signal, and gives ErrorCode::kUnavailable's code; after an
///         interrupt, kInterrupted's.
/// @throws Error{kIo} if the processes cannot be started
int run_ranks(const RankLaunch& launch, std::ostream& err);

}  // namespace polaris
