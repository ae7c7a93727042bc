#pragma once

#include <string>
#include <string_view>

namespace polaris {

/// `text` with HTML character references decoded as Python's html.unescape does it: "&amp;",
/// "&#8217;", "&#x41;", names without their semicolon where HTML allows it ("&copy 2020"), the
/// longest such name at the front of a longer one ("&notit;"), Windows-1252 for 128..159, U+FFFD
/// for what is no character, nothing for control characters. The reference counts words on this
/// (specs/recipe.md 6.4).
std::string unescape_html(std::string_view text);

}  // namespace polaris
