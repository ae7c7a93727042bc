#include "judge/lenient_json.h"

namespace polaris {
namespace {

const Json& nothing() {
  static const Json kNothing;
  return kNothing;
}

}  // namespace

const Json& member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nothing();
  const auto found = object.find(key);
  return found == object.end() ? nothing() : *found;
}

const Json& element(const Json& list, std::size_t index) {
  return list.is_array() && index < list.size() ? list[index] : nothing();
}

std::optional<std::string> text_if(const Json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return std::nullopt;
  return value.get<std::string>();
}

std::int64_t count_or_zero(const Json& value) {
  constexpr double kLimit = 9007199254740992.0;  // 2^53
  if (!value.is_number()) return 0;
  const auto number = value.get<double>();
  return number >= 0.0 && number < kLimit ? static_cast<std::int64_t>(number) : 0;
}

}  // namespace polaris
