#include "weights/config_object.h"

#include <cmath>

#include "weights/error_text.h"

namespace polaris {

ConfigObject::ConfigObject(const Json& json, std::string where, std::string path)
    : json_(&json), where_(std::move(where)), path_(std::move(path)) {
  if (!json.is_object()) {
    const std::string_view name = std::string_view(path_).substr(0, path_.size() - !path_.empty());
    throw Error(ErrorCode::kInvalidData,
                name.empty() ? fmt::format("{}: an object is needed", where_)
                             : fmt::format("{}: key '{}' is {}; an object is needed", where_, name,
                                           shown(json)));
  }
}

const Json* ConfigObject::find(const std::string& key) const {
  const auto found = json_->find(key);
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

Error ConfigObject::error(const std::string& key, std::string_view needed) const {
  const Json* value = find(key);
  return error(key, value == nullptr ? "missing" : shown(*value), needed);
}

Error ConfigObject::error(const std::string& key, std::string_view found,
                          std::string_view needed) const {
  return {ErrorCode::kInvalidData,
          fmt::format("{}: key '{}{}' is {}; {}", where_, path_, key, found, needed)};
}

const Json& ConfigObject::require(const std::string& key, std::string_view needed) const {
  const Json* value = find(key);
  if (value == nullptr) throw error(key, needed);
  return *value;
}

std::int64_t ConfigObject::checked_integer(const std::string& key, const Json& value,
                                           std::int64_t min, std::int64_t max) const {
  // An unsigned value beyond int64 would turn negative in get<>; compare it as what it is.
  const bool in_range = value.is_number_unsigned()
                            ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(max) &&
                                  value.get<std::int64_t>() >= min
                            : value.is_number_integer() && value.get<std::int64_t>() >= min &&
                                  value.get<std::int64_t>() <= max;
  if (!in_range)
    throw error(key, shown(value), fmt::format("a whole number from {} to {} is needed", min, max));
  return value.get<std::int64_t>();
}

std::int64_t ConfigObject::integer(const std::string& key, std::int64_t min,
                                   std::int64_t max) const {
  const Json& value = require(key, fmt::format("a whole number from {} to {} is needed", min, max));
  return checked_integer(key, value, min, max);
}

std::optional<std::int64_t> ConfigObject::optional_integer(const std::string& key, std::int64_t min,
                                                           std::int64_t max) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return checked_integer(key, *value, min, max);
}

double ConfigObject::positive(const std::string& key, double max) const {
  const std::string needed = fmt::format("a number above 0 and at most {} is needed", max);
  const Json& value = require(key, needed);
  const double number = value.is_number() ? value.get<double>() : 0.0;
  if (!std::isfinite(number) || number <= 0.0 || number > max) throw error(key, needed);
  return number;
}

std::optional<double> ConfigObject::optional_positive(const std::string& key, double max) const {
  if (!has(key)) return std::nullopt;
  return positive(key, max);
}

std::optional<bool> ConfigObject::boolean(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) throw error(key, "true or false is needed");
  return value->get<bool>();
}

std::optional<std::string> ConfigObject::text(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw error(key, "a text is needed");
  return value->get<std::string>();
}

std::optional<std::vector<std::string>> ConfigObject::texts(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> result;
  if (!value->is_array()) throw error(key, "a list of texts is needed");
  for (const Json& item : *value) {
    if (!item.is_string()) throw error(key, "a list of texts is needed");
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::optional<std::vector<std::int64_t>> ConfigObject::integers(const std::string& key,
                                                                std::int64_t min,
                                                                std::int64_t max) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::vector<std::int64_t> result;
  if (value->is_array()) {
    for (const Json& item : *value) result.push_back(checked_integer(key, item, min, max));
  } else {
    result.push_back(checked_integer(key, *value, min, max));
  }
  return result;
}

std::optional<ConfigObject> ConfigObject::object(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return ConfigObject(*value, where_, path_ + key + ".");
}

}  // namespace polaris
