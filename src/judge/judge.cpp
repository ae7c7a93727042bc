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

}  // namespace polaris
