#include "judge/dialect.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "judge/dialects/table.h"

namespace polaris {

const Dialect& dialect_of(const JudgeConfig& config) {
  switch (config.dialect) {
    case JudgeDialect::kOpenai:
      return config.api == JudgeApi::kResponses ? kOpenaiResponses : kOpenaiChat;
    case JudgeDialect::kGemini:
      return kGemini;
    case JudgeDialect::kVertex:
      return kVertex;
    case JudgeDialect::kAnthropic:
      return kAnthropic;
  }
  return kOpenaiChat;
}

HttpRequest http_request(const JudgeConfig& config, const VendorCall& call) {
  constexpr double kDefaultDeadline = 600.0;
  constexpr double kFlexDeadline = 1200.0;
  const double by_tier = config.tier == JudgeTier::kFlex ? kFlexDeadline : kDefaultDeadline;
  HttpRequest request{.method = "POST",
                      .url = call.url,
                      .headers = call.headers,
                      .body = call.body.dump(-1, ' ', /*ensure_ascii=*/false,
                                             OrderedJson::error_handler_t::replace),
                      .deadline_s = config.deadline_s > 0 ? config.deadline_s : by_tier};
  request.headers.push_back({"content-type", "application/json"});
  return request;
}

void add_key(HttpRequest& request, const Dialect& dialect, std::string_view key) {
  if (key.empty()) return;
  request.headers.push_back(
      {std::string(dialect.key.name), fmt::format("{}{}", dialect.key.prefix, key)});
}

std::string request_text(const JudgeConfig& config, const VendorCall& call, int repeat) {
  Json body = call.body;
  body.erase("service_tier");
  body.erase("serviceTier");
  return dump_json({{"dialect", dialect_of(config).name},
                    {"base_url", config.base_url},
                    {"model", config.model},
                    {"body", std::move(body)},
                    {"repeat", repeat}});
}

std::string request_hash(const JudgeConfig& config, const VendorCall& call, int repeat) {
  return sha256_hex(request_text(config, call, repeat));
}

std::string join_url(std::string_view base_url, std::string_view fallback, std::string_view path) {
  std::string_view base = base_url.empty() ? fallback : base_url;
  while (base.ends_with('/')) base.remove_suffix(1);
  return fmt::format("{}{}", base, path);
}

std::string path_segment(std::string_view name) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@";
  std::string segment;
  for (const char c : name) {
    if (kPlain.find(c) != std::string_view::npos)
      segment += c;
    else
      segment += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return segment;
}

}  // namespace polaris
