#include <gtest/gtest.h>

#include "app/binary_testing.h"

namespace polaris {
namespace {

TEST(ReportCommand, WritesThePageAndSaysWhatIsMissing) {
  const TempFolder folder;
  put_file(folder / "metrics.jsonl", "{\"step\":1,\"hri/weight\":0.1}\n");
  const BinaryResult result = run_polaris({"report", folder.path().string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("note: rollouts.jsonl is not there"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find((folder / "report.html").string()), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder / "report.html"));
}

TEST(ReportCommand, NamesAFolderThatIsNotThere) {
  const BinaryResult result = run_polaris({"report", "/nowhere/at/all"});
  EXPECT_EQ(result.exit_code, static_cast<int>(ErrorCode::kIo));
  EXPECT_EQ(result.err, "polaris: there is no folder /nowhere/at/all\n");
}

}  // namespace
}  // namespace polaris
