#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace polaris {

/// A value of a JSON file and where it stands there ("tokenizer.json: decoder.decoders[0]"), so
/// that every complaint names its place. Borrows the document. All getters throw
/// Error{kInvalidData} where the file does not hold what is asked for.
class JsonPlace {
 public:
  JsonPlace(const Json& value, std::string file) : JsonPlace(value, std::move(file), "") {}

  /// To be thrown: "<file>: <path>: <message>".
  Error error(std::string_view message) const;

  /// True if this is an object with `key` and the value is not null.
  bool has(std::string_view key) const;

  JsonPlace at(std::string_view key) const;

  /// All elements of an array.
  std::vector<JsonPlace> elements() const;

  /// All members of an object, by key.
  std::vector<std::pair<std::string, JsonPlace>> members() const;

  bool is_object() const { return value_->is_object(); }

  const std::string& text() const;

  /// An integer that is not negative and smaller than `limit`.
  std::size_t index_below(std::size_t limit) const;

  /// The boolean under `key`; `fallback` where there is none.
  bool flag(std::string_view key, bool fallback) const;

  /// The string under "type".
  const std::string& type() const { return at("type").text(); }

 private:
  JsonPlace(const Json& value, std::string file, std::string path)
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  const Json* value_;
  std::string file_;
  std::string path_;
};

}  // namespace polaris
