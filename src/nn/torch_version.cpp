#include "nn/torch_version.h"

#include <torch/version.h>

namespace polaris {

std::string torch_version() { return TORCH_VERSION; }

}  // namespace polaris
