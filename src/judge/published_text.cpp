#include "judge/published_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/strip.h"

namespace polaris {
namespace {

constexpr std::string_view kFence = "```";

bool begins_with_json_tag(std::string_view text) {
  constexpr std::string_view kTag = "json";
  if (text.size() < kTag.size()) return false;
  for (std::size_t i = 0; i < kTag.size(); ++i) {
    if ((text[i] | 0x20) != kTag[i]) return false;  // ASCII letters in lower case
  }
  return true;
}

/// Text that Python's JSON reader takes, as JSON: NaN becomes null, Infinity a huge number.
std::string with_plain_literals(std::string_view text) {
  constexpr std::string_view kNaN = "NaN";
  constexpr std::string_view kInfinity = "Infinity";
  std::string plain;
  plain.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (in_string && rest.front() == '\\') {
      plain += rest.substr(0, 2);
      ++i;
    } else if (!in_string && rest.starts_with(kNaN)) {
      plain += "null";
      i += kNaN.size() - 1;
    } else if (!in_string && rest.starts_with(kInfinity)) {
      plain += "1e308";
      i += kInfinity.size() - 1;
    } else {
      if (rest.front() == '"') in_string = !in_string;
      plain += rest.front();
    }
  }
  return plain;
}

/// Absent if it is no JSON.
std::optional<Json> parsed(std::string_view text) {
  int deepest = 0;
  const auto bounded = [&](int depth, Json::parse_event_t /*event*/, Json& /*value*/) {
    deepest = std::max(deepest, depth);
    return depth < kMaxJsonDepth;
  };
  Json value = Json::parse(with_plain_literals(text), bounded, /*allow_exceptions=*/false);
  if (value.is_discarded() || deepest >= kMaxJsonDepth) return std::nullopt;
  return value;
}

}  // namespace

std::string_view published_cleanup(std::string_view text) {
  text = strip(text);
  if (text.starts_with(kFence)) {
    text.remove_prefix(kFence.size());
    if (begins_with_json_tag(text)) text.remove_prefix(4);
    text = left_strip(text);
  }
  if (text.ends_with(kFence)) text.remove_suffix(kFence.size());
  return strip(text);
}

std::optional<std::string_view> published_span(std::string_view text) {
  const auto begin = text.find('{');
  const auto end = text.rfind('}');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin)
    return std::nullopt;
  return text.substr(begin, end + 1 - begin);
}

std::variant<Json, AnswerProblem> find_published_answer(std::string_view text) {
  if (text.size() > kMaxAnswerBytes)
    return AnswerProblem{.message =
                             fmt::format("the answer is longer than {} bytes", kMaxAnswerBytes)};
  const std::string_view stripped = published_cleanup(text);
  std::optional<Json> value = parsed(stripped);
  if (!value) {
    if (const auto span = published_span(stripped)) value = parsed(*span);
  }
  if (!value) return AnswerProblem{.message = "the answer holds no JSON object"};
  if (!value->is_object()) return AnswerProblem{.message = "the answer is JSON but no object"};
  return std::move(*value);
}

}  // namespace polaris
