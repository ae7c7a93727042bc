// Vendors' HTTP interfaces as pure functions: from a question to a request, from a body to an
// answer. Nothing here touches the network or a key.
#pragma once

#include <string>
#include <string_view>

#include "base/http.h"
#include "base/json.h"
#include "judge/judge_config.h"
#include "judge/model_answer.h"
#include "judge/question.h"

namespace polaris {

/// A request before it becomes bytes.
struct VendorCall {
  std::string url;
  HttpHeaders headers;  ///< without the key
  OrderedJson body;
};

/// Where a vendor wants its key: "Authorization: Bearer <key>".
struct KeyHeader {
  std::string_view name;
  std::string_view prefix;
};

/// One vendor's interface. Implementations: dialects/.
struct Dialect {
  std::string_view name;
  KeyHeader key;

  VendorCall (*call)(const JudgeConfig& config, const ModelQuestion& question);

  /// Reads the body of a 2xx answer. What is missing is absent; nothing throws.
  ModelAnswer (*read)(const Json& body);
};

const Dialect& dialect_of(const JudgeConfig& config);

/// The call as an HTTP request: POST, JSON, deadline by config (600 s, flex 1200 s), no key yet.
HttpRequest http_request(const JudgeConfig& config, const VendorCall& call);

/// Puts the key in. An empty key adds nothing: local servers need none.
void add_key(HttpRequest& request, const Dialect& dialect, std::string_view key);

/// SHA-256 of what decides the answer, as canonical JSON: dialect, base_url, model, body and the
/// index of the repeat. The service tier is no part of it: it decides the price only.
/// Source: specs/evaluation.md 1.2.
std::string request_hash(const JudgeConfig& config, const VendorCall& call, int repeat);

/// What it hashes; `repeat` stands last.
std::string request_text(const JudgeConfig& config, const VendorCall& call, int repeat);

/// "https://host/v1" or `fallback` where it is empty, and the path behind it.
std::string join_url(std::string_view base_url, std::string_view fallback, std::string_view path);

/// A name as one segment of a URL's path: "a b" becomes "a%20b".
std::string path_segment(std::string_view name);

}  // namespace polaris
