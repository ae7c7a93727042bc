// JSON strings of a story's length: the same as the library's, several times faster.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace polaris {

/// `text` as dump_json() writes it.
std::string json_string(std::string_view text);

/// The text of a string that dump_json() wrote, quotation marks included. Absent: it is something
/// else, be it JSON or not; then the parser has to say what it is.
std::optional<std::string> text_of_json_string(std::string_view json);

}  // namespace polaris
