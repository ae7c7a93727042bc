#include "text/json_place.h"

namespace polaris {

Error JsonPlace::error(std::string_view message) const {
  return Error(ErrorCode::kInvalidData, path_.empty()
                                            ? fmt::format("{}: {}", file_, message)
                                            : fmt::format("{}: {}: {}", file_, path_, message));
}

bool JsonPlace::has(std::string_view key) const {
  if (!value_->is_object()) throw error("expected an object");
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

JsonPlace JsonPlace::at(std::string_view key) const {
  if (!has(key)) throw error(fmt::format("the key \"{}\" is missing", key));
  return {*value_->find(key), file_,
          path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)};
}

std::vector<JsonPlace> JsonPlace::elements() const {
  if (!value_->is_array()) throw error("expected a list");
  std::vector<JsonPlace> result;
  for (std::size_t i = 0; i < value_->size(); ++i)
    result.push_back({(*value_)[i], file_, fmt::format("{}[{}]", path_, i)});
  return result;
}

std::vector<std::pair<std::string, JsonPlace>> JsonPlace::members() const {
  if (!value_->is_object()) throw error("expected an object");
  std::vector<std::pair<std::string, JsonPlace>> result;
  for (const auto& [key, value] : value_->items())
    result.emplace_back(key, JsonPlace(value, file_, fmt::format("{}.{}", path_, key)));
  return result;
}

const std::string& JsonPlace::text() const {
  if (!value_->is_string()) throw error("expected a string");
  return value_->get_ref<const std::string&>();
}

std::size_t JsonPlace::index_below(std::size_t limit) const {
  if (!value_->is_number_unsigned()) throw error("expected a whole number that is not negative");
  const auto number = value_->get<std::uint64_t>();
  if (number >= limit)
    throw error(fmt::format("{} is out of range; it must be below {}", number, limit));
  return static_cast<std::size_t>(number);
}

bool JsonPlace::flag(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const JsonPlace place = at(key);
  if (!place.value_->is_boolean()) throw place.error("expected true or false");
  return place.value_->get<bool>();
}

}  // namespace polaris
