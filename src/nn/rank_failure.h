#pragma once

#include <span>
#include <string>

#include "nn/heartbeat.h"

namespace polaris {

/// An operation of the collective that did not end as it should have, as one rank saw it.
struct FailedOperation {
  int rank = 0;                ///< that saw it
  std::int64_t operation = 0;  ///< counted from 1
  Heartbeat::Time failed;
  bool timed_out = false;  ///< nobody closed a connection: it was waited for in vain
  double timeout_s = 0;
  std::string reason;  ///< as the library says it
};

/// Whether enough was heard since the failure to say who is to blame: of every other rank that it
/// lives, or of any that it has left or given up.
bool is_explained(const FailedOperation& failure, std::span<const Heartbeat::Word> words);

/// The one line that a user gets: which ranks are missing, and what to do. All ranks that fail say
/// the same: whoever was first tells the others.
/// @param words  [size] what was heard meanwhile
std::string failure_text(const FailedOperation& failure, std::span<const Heartbeat::Word> words);

}  // namespace polaris
