#include <cstdlib>

#include "judge/attempt.h"
#include "judge/dialects/table.h"

// A vendor's body, of a good answer and of an error: an attempt that says what it is.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace polaris;
  static const Rubric kRubric = load_rubric(POLARIS_SOURCE_DIR "/prompts");
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const Dialect* dialect :
       {&kOpenaiChat, &kOpenaiResponses, &kGemini, &kVertex, &kAnthropic}) {
    for (const int status : {200, 400, 429}) {
      const HttpHeaders headers = {{"retry-after", body.substr(0, 40)}};
      const Attempt attempt =
          read_attempt(HttpResponse{.status = status, .headers = headers, .body = body}, *dialect,
                       "Mara set the lamp on the sill.", kRubric, {}, 1000, /*now_wall_s=*/0);
      require(attempt.answer.has_value() != attempt.problem.has_value());
      require(attempt.grade.verdict.has_value() != attempt.grade.failure.has_value());
      require(attempt.wait_s.value_or(0.0) >= 0.0);
      if (attempt.problem) require(attempt.problem->message.size() < 3000);
      if (!attempt.answer) continue;
      const JudgeUsage& usage = attempt.answer->usage;
      require(usage.input_tokens >= 0 && usage.output_tokens >= 0);
    }
  }
  return 0;
}
