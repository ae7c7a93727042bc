#include "judge/server_context.h"

#include "base/error.h"
#include "judge/dialect.h"
#include "judge/lenient_json.h"

namespace polaris {
namespace {

/// The entry of a list of models.
const Json& model_in(const Json& models, const std::string& name) {
  static const Json kNone;
  if (!models.is_array()) return kNone;
  for (const Json& model : models) {
    if (member(model, "id") == name) return model;
  }
  return models.size() == 1 ? models[0] : kNone;
}

}  // namespace

std::vector<std::string> context_urls(const JudgeConfig& config) {
  constexpr std::string_view kVersion = "/v1";
  if (config.dialect != JudgeDialect::kOpenai || config.base_url.empty()) return {};
  const std::string base = join_url(config.base_url, "", "");
  std::vector<std::string> urls = {join_url(base, "", "/models")};
  if (base.ends_with(kVersion))
    urls.insert(urls.begin(), base.substr(0, base.size() - kVersion.size()) + "/props");
  return urls;
}

std::optional<std::int64_t> context_in(const HttpResult& result, const std::string& model) {
  const auto* response = std::get_if<HttpResponse>(&result);
  if (response == nullptr || response->status != 200) return std::nullopt;
  Json body;
  try {
    body = parse_json(response->body, "the server's answer");
  } catch (const Error&) {
    return std::nullopt;  // nobody promised that there is such an answer
  }
  const std::int64_t of_slot =
      count_or_zero(member(member(body, "default_generation_settings"), "n_ctx"));
  if (of_slot > 0) return of_slot;
  const std::int64_t of_model =
      count_or_zero(member(model_in(member(body, "data"), model), "max_model_len"));
  return of_model > 0 ? std::optional(of_model) : std::nullopt;
}

}  // namespace polaris
