#include "nn/rank_failure.h"

#include <fmt/format.h>

#include <algorithm>

namespace polaris {
namespace {

using Word = Heartbeat::Word;

constexpr const char* kGoOn = "the same command goes on from the last checkpoint";

/// Said after the failure, not before it and on its way.
bool is_alive(const FailedOperation& failure, const Word& word) {
  return word.heard && *word.heard > failure.failed + std::chrono::milliseconds(200);
}

template <class Predicate>
std::vector<int> others(const FailedOperation& failure, std::span<const Word> words,
                        const Predicate& predicate) {
  std::vector<int> found;
  for (int rank = 0; rank < static_cast<int>(words.size()); ++rank)
    if (rank != failure.rank && predicate(words[static_cast<std::size_t>(rank)]))
      found.push_back(rank);
  return found;
}

/// "rank 2 of 3 is", "ranks 1, 2 of 3 are".
std::string subject(const std::vector<int>& ranks, std::size_t size, std::string_view singular,
                    std::string_view plural) {
  const bool is_one = ranks.size() == 1;
  return fmt::format("rank{} {} of {} {}", is_one ? "" : "s", fmt::join(ranks, ", "), size,
                     is_one ? singular : plural);
}

}  // namespace

bool is_explained(const FailedOperation& failure, std::span<const Word> words) {
  const auto is_settled = [](const Word& word) { return word.left || !word.failure.empty(); };
  const auto is_missing = [&](const Word& word) { return !is_alive(failure, word); };
  return !others(failure, words, is_settled).empty() || others(failure, words, is_missing).empty();
}

std::string failure_text(const FailedOperation& failure, std::span<const Word> words) {
  const auto gave_up =
      others(failure, words, [](const Word& word) { return !word.failure.empty(); });
  if (!gave_up.empty()) return words[static_cast<std::size_t>(gave_up[0])].failure;

  const std::size_t size = words.size();
  const auto left = others(failure, words, [](const Word& word) { return word.left; });
  if (!left.empty())
    return fmt::format("{} ended before the others, for a reason of {}; {}",
                       subject(left, size, "has", "have"),
                       left.size() == 1 ? "its own" : "their own", kGoOn);

  const auto gone =
      others(failure, words, [&](const Word& word) { return !is_alive(failure, word); });
  if (!gone.empty() && failure.timed_out)
    return fmt::format(
        "{} been silent for {} s (stopped, or the machine or the network is gone); {}; "
        "distributed.timeout_s says how long ranks wait for each other",
        subject(gone, size, "has", "have"), failure.timeout_s, kGoOn);
  if (!gone.empty())
    return fmt::format(
        "{} gone (the process was killed, or the machine or the network is down); {}",
        subject(gone, size, "is", "are"), kGoOn);

  const auto late =
      others(failure, words, [&](const Word& word) { return word.operation < failure.operation; });
  if (!late.empty() && failure.timed_out)
    return fmt::format(
        "{}, but did not come to the others within {} s; {}; a larger distributed.timeout_s waits "
        "longer",
        subject(late, size, "runs", "run"), failure.timeout_s, kGoOn);
  return fmt::format("the connection between the ranks broke, though all {} run ({}); {}", size,
                     failure.reason, kGoOn);
}

}  // namespace polaris
