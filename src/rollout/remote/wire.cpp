#include "rollout/remote/wire.h"

#include "base/error.h"
#include "rollout/remote/call_failure.h"

namespace polaris::wire {
namespace {

const Json kNothing;

}  // namespace

const Json& field(const Json& object, std::string_view key) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

const Json& only_element(const Json& object, std::string_view key) {
  const Json& list = field(object, key);
  if (list.is_null() || (list.is_array() && list.empty())) return kNothing;
  if (!list.is_array() || list.size() != 1)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("\"{}\" of the server's answer is not a list of one", key));
  return list[0];
}

std::string text(const Json& object, std::string_view key) {
  const Json& value = field(object, key);
  if (value.is_null()) return "";
  if (!value.is_string())
    throw Error(ErrorCode::kInvalidData,
                fmt::format("\"{}\" of the server's answer is no text", key));
  return value.get<std::string>();
}

std::optional<std::int64_t> count(const Json& object, std::string_view key) {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 53;
  const Json& value = field(object, key);
  if (value.is_null()) return std::nullopt;
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kLimit)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("\"{}\" of the server's answer is no count", key));
  return value.get<std::int64_t>();
}

void check_no_error(const Json& event) {
  const bool is_error = !field(event, "error").is_null() || field(event, "object") == Json("error");
  if (!event.is_object())
    throw Error(ErrorCode::kInvalidData, "the server's answer is no JSON object");
  if (is_error)
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the server reports an error: {}", error_text(dump_json(event))));
}

}  // namespace polaris::wire
