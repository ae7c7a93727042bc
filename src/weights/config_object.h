#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace polaris {

/// Typed, checked access to the keys of one JSON object of a model configuration. A key that is
/// absent and a key that is null mean the same: transformers writes null for "not set".
///
/// Every function throws Error{kInvalidData} naming file, key, value and what is needed.
class ConfigObject {
 public:
  /// @param json   borrowed
  /// @param where  names the file
  /// @param path   where the object stands in the file: "" or "text_config."
  ConfigObject(const Json& json, std::string where, std::string path);

  bool has(const std::string& key) const { return find(key) != nullptr; }
  /// The key is there, if only with null.
  bool states(const std::string& key) const { return json_->contains(key); }

  std::int64_t integer(const std::string& key, std::int64_t min, std::int64_t max) const;
  std::optional<std::int64_t> optional_integer(const std::string& key, std::int64_t min,
                                               std::int64_t max) const;
  /// A finite number above zero and at most `max`.
  double positive(const std::string& key, double max) const;
  std::optional<double> optional_positive(const std::string& key, double max) const;
  std::optional<bool> boolean(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::optional<std::vector<std::string>> texts(const std::string& key) const;
  /// A list of whole numbers, or one in place of a list of one.
  std::optional<std::vector<std::int64_t>> integers(const std::string& key, std::int64_t min,
                                                    std::int64_t max) const;
  std::optional<ConfigObject> object(const std::string& key) const;

  /// @return null if the key is absent or null
  const Json* find(const std::string& key) const;

  /// "<file>: key 'rope_parameters.rope_type' is "yarn"; ..." with `needed` at the end.
  Error error(const std::string& key, std::string_view needed) const;

 private:
  Error error(const std::string& key, std::string_view found, std::string_view needed) const;
  std::int64_t checked_integer(const std::string& key, const Json& value, std::int64_t min,
                               std::int64_t max) const;
  const Json& require(const std::string& key, std::string_view needed) const;

  const Json* json_;
  std::string where_;
  std::string path_;
};

}  // namespace polaris
