#pragma once

#include <string_view>

namespace polaris {

/// Python's str.strip(), lstrip() and rstrip(), which Jinja's `trim` and the reference's text
/// functions are: Unicode white space as is_python_space() has it. Bytes that are not UTF-8 stay.
std::string_view strip(std::string_view text);
std::string_view left_strip(std::string_view text);
std::string_view right_strip(std::string_view text);

}  // namespace polaris
