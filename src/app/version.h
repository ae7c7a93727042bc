#pragma once

#include <string>

namespace polaris {

/// Our version and those of the libraries in use, one per line.
std::string version_text();

}  // namespace polaris
