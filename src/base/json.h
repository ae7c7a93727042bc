#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace polaris {

/// The one JSON type. Keys are sorted: look-ups stay fast whatever a file holds.
using Json = nlohmann::json;

/// For documents in which the order of keys is part of the format, such as an answer schema.
using OrderedJson = nlohmann::ordered_json;

/// Nesting beyond this is refused: nothing we read needs it, and a recursive parser must not be
/// driven into the end of its stack by a file of brackets.
inline constexpr int kMaxJsonDepth = 200;

/// Parses one JSON text.
/// @param where  names the text in errors: "judge.jsonl:17"
/// @throws Error{kInvalidData} naming `where`, the place in the text and the reason; also for a
///         duplicate key, and for nesting deeper than kMaxJsonDepth
Json parse_json(std::string_view text, std::string_view where);

/// The same with the order of keys kept; an object of more than 10,000 keys is refused.
OrderedJson parse_ordered_json(std::string_view text, std::string_view where);

/// @throws Error{kIo} if the file cannot be read or is larger than `max_bytes`; otherwise as
///         parse_json
Json read_json_file(const std::filesystem::path& path, std::uintmax_t max_bytes = 1U << 30);

/// One line of JSON. Bytes that are not UTF-8 become U+FFFD, and numbers that are not finite become
/// null, so that a line can always be written.
std::string dump_json(const Json& value);

/// What is absent is null, never a number that stands for it.
template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace polaris
