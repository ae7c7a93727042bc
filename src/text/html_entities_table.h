#pragma once

#include <string_view>

namespace polaris {

/// The named character references of HTML, sorted by name, as html_entities_table.cpp describes.
extern const std::string_view kHtmlEntityTable;

}  // namespace polaris
