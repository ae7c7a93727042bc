#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace polaris {

/// Who wrote the story. References are exempt from the disqualification rule.
enum class StoryOrigin { kPolicy, kReference };

struct JudgeRequest {
  std::string uid;  ///< names the story in logs and records
  std::string prompt;
  std::string story;
  std::optional<std::int64_t> target_words;
  StoryOrigin origin = StoryOrigin::kPolicy;
  int repeat = 0;  ///< index of an independent answer to the same question
};

/// The rubric's dimensions: P1-P6 and N1-N10 of specs/recipe.md 6.2, and the two catch-alls.
inline constexpr std::array<std::int64_t, 6> kPositiveMax = {15, 20, 15, 15, 20, 15};
inline constexpr std::array<std::int64_t, 10> kNegativeMax = {15, 20, 15, 15, 15, 20, 15, 8, 8, 20};
inline constexpr std::int64_t kCatchAllMax = 8;

/// Sums as the judge itself reports them; nobody has checked them.
struct ClaimedTotals {
  double positive = 0.0;
  double negative = 0.0;
  double bonus = 0.0;
  double penalty = 0.0;
};

/// A rubric filled in by the judge: points per dimension.
struct Verdict {
  std::array<std::int64_t, 6> positive{};
  std::array<std::int64_t, 10> negative{};
  std::int64_t bonus = 0;
  std::int64_t penalty = 0;

  /// Under totals = "as_claimed" only: what counts in place of the points' sums.
  std::optional<ClaimedTotals> claimed = std::nullopt;

  /// False, under that rule only: the answer left points out. They are 0 here, and no statistics
  /// of single dimensions should see this verdict.
  bool has_all_points = true;
};

/// Why there is no verdict (specs/evaluation.md 1.2).
enum class JudgeFailure {
  kTransport,
  kTimeout,
  kRefused,
  kBlocked,
  kTruncated,
  kUnparseable,
  kInvalid,
  kEmpty,
};
std::string_view failure_name(JudgeFailure failure);

struct JudgeUsage {
  std::int64_t input_tokens = 0;
  std::int64_t cached_input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t reasoning_tokens = 0;
};
void add(JudgeUsage& sum, const JudgeUsage& usage);

struct JudgementRecord;  // judgement_record.h

/// A judge that stays silent is an ordinary event in a ten-hour run, so it is a value and not an
/// exception: either `verdict` or `failure` is there (neither only where nobody judges).
struct JudgeReply {
  std::optional<Verdict> verdict;
  std::vector<Verdict> further;  ///< of other repeats and judges; the mean over all counts
  std::optional<JudgeFailure> failure;
  std::string message;  ///< why there is no verdict, for people

  /// Beside a failure: why no call of this run can succeed any more (the budget, the key). To be
  /// thrown by whoever waits for the reply.
  std::optional<Error> stop;

  std::vector<std::string> flags;  ///< e.g. a quote that is not in the story
  int quotes_verified = 0;         ///< of quotes_checked
  int quotes_checked = 0;
  JudgeUsage usage;
  double cost_usd = 0.0;  ///< of all attempts that were answered, as far as the price is known
  int attempts = 1;
  bool cached = false;
  double latency_s = 0.0;

  /// What was written down: one record per answer, the first belonging to `verdict` or `failure`.
  /// Empty where a judge keeps none.
  std::vector<std::shared_ptr<const JudgementRecord>> records;
};

using OnReply = std::function<void(JudgeReply)>;

/// Grades stories. Implementations: FakeJudge, text statistics, recorded answers, an LLM over HTTP
/// with its decorators (cache, budget, retry).
class Judge {
 public:
  virtual ~Judge() = default;

  /// Asks for one verdict. `on_reply` is called exactly once, either before submit() returns or
  /// later from one other thread that serves all requests; it must not block or throw.
  /// Safe to call from several threads.
  /// @throws Error{kInvalidConfig} only for what no retry can fix (a missing key, an unknown
  ///         model), Error{kBudget} when the call could exceed the budget
  virtual void submit(JudgeRequest request, OnReply on_reply) = 0;
};

}  // namespace polaris
