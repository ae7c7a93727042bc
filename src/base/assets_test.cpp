#include "base/assets.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file_system.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

TEST(FindAsset, KnowsBundleInstallationAndCheckout) {
  for (const auto& [binary_folder, asset] :
       {std::pair{"bundle", "bundle/assets/a/x.json"},
        std::pair{"usr/bin", "usr/share/polaris/a/x.json"},
        std::pair{"checkout/build/release", "checkout/assets/a/x.json"}}) {
    const TempFolder root;
    fs::create_directories(root / binary_folder);
    fs::create_directories((root / asset).parent_path());
    real_file_system().create(root / asset)->close();
    EXPECT_EQ(find_asset("a/x.json", root / binary_folder), root / asset);
    EXPECT_EQ(find_asset("a", root / binary_folder), (root / asset).parent_path());
  }
}

TEST(FindAsset, FindsWhatTheCheckoutHolds) {
  EXPECT_EQ(find_asset("architectures").filename(), "architectures");
}

TEST(FindAsset, NamesThePlacesWhereItIsNot) {
  const TempFolder root;
  try {
    find_asset("none.json", root / "build/release");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kIo);
    EXPECT_NE(std::string(e.what()).find((root / "assets/none.json").string()), std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace polaris
