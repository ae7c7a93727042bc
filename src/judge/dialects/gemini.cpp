#include <fmt/format.h>

#include "judge/dialects/gemini_body.h"
#include "judge/dialects/table.h"

// The Gemini API with a key. Source: specs/evaluation.md 10.3; google-genai 3.4 (models.py).

namespace polaris {
namespace {

VendorCall call(const JudgeConfig& config, const ModelQuestion& question) {
  OrderedJson body = gemini_body(config, question);
  if (config.tier == JudgeTier::kFlex) body["serviceTier"] = "flex";
  if (config.tier == JudgeTier::kPriority) body["serviceTier"] = "priority";
  const std::string path =
      fmt::format("/v1beta/models/{}:generateContent", path_segment(config.model));
  return {.url = join_url(config.base_url, "https://generativelanguage.googleapis.com", path),
          .body = std::move(body)};
}

}  // namespace

const Dialect kGemini = {
    .name = "gemini", .key = {"x-goog-api-key", ""}, .call = call, .read = read_gemini};

}  // namespace polaris
