#include <fmt/format.h>

#include "judge/dialects/gemini_body.h"
#include "judge/dialects/table.h"

// Gemini on Vertex, with a bearer token. Source: specs/evaluation.md 10.3.

namespace polaris {
namespace {

/// The tier is asked for in headers: skip provisioned throughput, then this kind of shared one.
HttpHeaders tier_headers(JudgeTier tier) {
  if (tier == JudgeTier::kDefault) return {};
  return {{"X-Vertex-AI-LLM-Request-Type", "shared"},
          {"X-Vertex-AI-LLM-Shared-Request-Type", tier == JudgeTier::kFlex ? "flex" : "priority"}};
}

VendorCall call(const JudgeConfig& config, const ModelQuestion& question) {
  const std::string host =
      config.location == "global"
          ? "https://aiplatform.googleapis.com"
          : fmt::format("https://{}-aiplatform.googleapis.com", config.location);
  const std::string path = fmt::format(
      "/v1/projects/{}/locations/{}/publishers/google/models/{}:generateContent",
      path_segment(config.project), path_segment(config.location), path_segment(config.model));
  return {.url = join_url(config.base_url, host, path),
          .headers = tier_headers(config.tier),
          .body = gemini_body(config, question)};
}

}  // namespace

const Dialect kVertex = {
    .name = "vertex", .key = {"authorization", "Bearer "}, .call = call, .read = read_gemini};

}  // namespace polaris
