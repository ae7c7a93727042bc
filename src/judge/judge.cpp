#include "judge/judge.h"

namespace polaris {

std::string_view failure_name(JudgeFailure failure) {
  switch (failure) {
    case JudgeFailure::kTransport:
      return "transport";
    case JudgeFailure::kTimeout:
      return "timeout";
    case JudgeFailure::kRefused:
      return "refused";
    case JudgeFailure::kBlocked:
      return "blocked";
    case JudgeFailure::kTruncated:
      return "truncated";
    case JudgeFailure::kUnparseable:
      return "unparseable";
    case JudgeFailure::kInvalid:
      return "invalid";
    case JudgeFailure::kEmpty:
      return "empty";
  }
  return "unknown";
}

void add(JudgeUsage& sum, const JudgeUsage& usage) {
  sum.input_tokens += usage.input_tokens;
  sum.cached_input_tokens += usage.cached_input_tokens;
  sum.output_tokens += usage.output_tokens;
  sum.reasoning_tokens += usage.reasoning_tokens;
}

}  // namespace polaris
