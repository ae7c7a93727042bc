#include "base/assets.h"

#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {

namespace fs = std::filesystem;

fs::path find_asset(const fs::path& relative) {
  std::error_code failure;
  const fs::path binary = fs::read_symlink("/proc/self/exe", failure);
  if (failure)
    throw Error(ErrorCode::kIo,
                fmt::format("cannot find this program's own file: {}", failure.message()));
  return find_asset(relative, binary.parent_path());
}

fs::path find_asset(const fs::path& relative, const fs::path& binary_folder) {
  std::vector<std::string> places;
  for (const char* root : {"assets", "../share/polaris", "../../assets"}) {
    fs::path place = (binary_folder / root / relative).lexically_normal();
    std::error_code ignored;
    if (fs::exists(place, ignored)) return place;
    places.push_back(place.string());
  }
  throw Error(ErrorCode::kIo,
              fmt::format("{} came with this program and is gone; it is in none of {}",
                          relative.string(), join(places, ", ")));
}

}  // namespace polaris
