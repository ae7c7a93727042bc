#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "weights/dtype.h"
#include "weights/model_config.h"

namespace polaris {

/// What the config.json of one family looks like. The last type and the last class of each list are
/// those of a text-only checkpoint.
struct Family {
  Architecture architecture;
  std::vector<std::string_view> model_types;
  std::vector<std::string_view> classes;
  bool linear_layers = false;        ///< and only full attention otherwise
  bool sliding_window = false;       ///< `sliding_window` counts
  bool sizes_may_be_absent = false;  ///< old files leave out key/value heads, head_dim, rope_theta
  double partial_rotary_factor = 1.0;  ///< where the file gives none
};

std::span<const Family> families();
const Family& family_of(Architecture architecture);

/// "bfloat16": how config.json spells a weight type.
std::string_view torch_dtype_name(Dtype dtype);

inline bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace polaris
