#pragma once

#include <string>

namespace polaris {

/// Of the libtorch this program was built with: "2.11.0".
std::string torch_version();

}  // namespace polaris
