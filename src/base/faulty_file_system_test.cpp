#include "base/faulty_file_system.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) { return real_file_system().read(path); }

void put(FileSystem& files, const fs::path& path, std::string_view content, bool synced) {
  const auto file = files.create(path);
  file->write(content);
  if (synced) file->sync();
  file->close();
}

TEST(FaultyFileSystem, CrashesAtTheGivenOperationAndStaysDead) {
  const TempFolder folder;
  FaultyFileSystem files(folder.path());
  files.crash_at(2);
  const auto file = files.create(folder / "a");
  EXPECT_THROW(file->write("1234"), SimulatedCrash);
  EXPECT_EQ(read(folder / "a"), "12");
  EXPECT_THROW(file->write("x"), SimulatedCrash);
  EXPECT_THROW(files.remove(folder / "a"), SimulatedCrash);
  EXPECT_THROW(files.read(folder / "a", 9), SimulatedCrash);
  EXPECT_THROW(files.exists(folder / "a"), SimulatedCrash);
  EXPECT_EQ(read(folder / "a"), "12");
  EXPECT_EQ(files.operations(), 2);
}

TEST(FaultyFileSystem, FailsOnceAndGoesOn) {
  const TempFolder folder;
  FaultyFileSystem files(folder.path());
  files.fail_at(2);
  const auto file = files.create(folder / "a");
  EXPECT_THROW(file->write("1234"), Error);
  file->write("x");
  EXPECT_EQ(read(folder / "a"), "12x");
}

TEST(FaultyFileSystem, AFileNeedsASyncOfItsBytesAndOneOfItsName) {
  const auto after = [](bool bytes_synced, bool name_synced, Crash crash) {
    const TempFolder folder;
    FaultyFileSystem files(folder.path());
    put(files, folder / "a", "1234", bytes_synced);
    if (name_synced) files.sync(folder.path());
    files.lose_unsynced(crash);
    return fs::exists(folder / "a") ? read(folder / "a") : "absent";
  };
  EXPECT_EQ(after(true, true, Crash::kNothingKept), "1234");
  EXPECT_EQ(after(true, false, Crash::kNothingKept), "absent");
  EXPECT_EQ(after(false, true, Crash::kNothingKept), "");
  EXPECT_EQ(after(false, false, Crash::kNothingKept), "absent");
  EXPECT_EQ(after(false, false, Crash::kNamesKept), "");
  EXPECT_EQ(after(false, false, Crash::kTorn), "12");
  EXPECT_EQ(after(true, false, Crash::kTorn), "1234");
  EXPECT_EQ(after(false, false, Crash::kProcessKilled), "1234");
}

TEST(FaultyFileSystem, UnsyncedRenamesAndRemovalsAreUndone) {
  const TempFolder folder;
  std::ofstream(folder / "old") << "old";
  std::ofstream(folder / "other") << "other";
  FaultyFileSystem files(folder.path());
  put(files, folder / "new", "new", true);
  files.rename(folder / "new", folder / "old");
  files.remove(folder / "other");
  EXPECT_EQ(read(folder / "old"), "new");
  files.lose_unsynced(Crash::kNothingKept);
  EXPECT_EQ(read(folder / "old"), "old");
  EXPECT_EQ(read(folder / "other"), "other");
  EXPECT_FALSE(fs::exists(folder / "new"));
}

TEST(FaultyFileSystem, ARenamedFolderKeepsWhatWasSyncedInIt) {
  const TempFolder folder;
  FaultyFileSystem files(folder.path());
  files.create_directories(folder / "a/deep");
  put(files, folder / "a/deep/synced", "1234", true);
  std::ofstream(folder / "a/deep/written by others") << "1234";
  files.sync(folder / "a/deep");
  files.rename(folder / "a", folder / "b");
  files.sync(folder.path());
  files.lose_unsynced(Crash::kNothingKept);
  EXPECT_EQ(read(folder / "b/deep/synced"), "1234");
  EXPECT_EQ(read(folder / "b/deep/written by others"), "");
  EXPECT_FALSE(fs::exists(folder / "a"));
}

TEST(FaultyFileSystem, ExchangedFoldersComeBackUnlessTheirParentWasSynced) {
  for (const bool synced : {false, true}) {
    const TempFolder folder;
    fs::create_directory(folder / "a");
    fs::create_directory(folder / "b");
    std::ofstream(folder / "a/was a") << "x";
    FaultyFileSystem files(folder.path());
    files.exchange(folder / "a", folder / "b");
    if (synced) files.sync(folder.path());
    files.lose_unsynced(Crash::kNothingKept);
    EXPECT_EQ(fs::exists(folder / "b/was a"), synced);
    EXPECT_EQ(fs::exists(folder / "a/was a"), !synced);
  }
}

TEST(FaultyFileSystem, SyncedBytesSurviveAnUnsyncedAppendAndAnUnsyncedCut) {
  const auto after = [](Crash crash, bool cut) {
    const TempFolder folder;
    std::ofstream(folder / "a") << "1234";
    FaultyFileSystem files(folder.path());
    if (cut) files.truncate(folder / "a", 2);
    files.append(folder / "a")->write("xy");
    files.lose_unsynced(crash);
    return read(folder / "a");
  };
  EXPECT_EQ(after(Crash::kNothingKept, false), "1234");
  EXPECT_EQ(after(Crash::kNamesKept, false), "1234");
  EXPECT_EQ(after(Crash::kTorn, false), "1234x");
  EXPECT_EQ(after(Crash::kNothingKept, true), "1234");
  EXPECT_EQ(after(Crash::kNamesKept, true), "12");
  EXPECT_EQ(after(Crash::kTorn, true), "12x");
}

// The equipment must be able to find a fault: these are the two classic ones.
TEST(ForEveryFault, FindsARenameWithoutASyncBeforeIt) {
  bool found = false;
  for_every_fault([](const fs::path& folder) { std::ofstream(folder / "a") << "old"; },
                  [](const fs::path& folder, FileSystem& files) {
                    put(files, folder / "a.tmp", "new", /*synced=*/false);
                    files.rename(folder / "a.tmp", folder / "a");
                    files.sync(folder);
                  },
                  [&](const fs::path& folder, const Aftermath&) {
                    const std::string content = read(folder / "a");
                    if (content != "old" && content != "new") found = true;
                  });
  EXPECT_TRUE(found);
}

TEST(ForEveryFault, FindsARenameWithoutASyncAfterIt) {
  bool found = false;
  for_every_fault([](const fs::path&) {},
                  [](const fs::path& folder, FileSystem& files) {
                    put(files, folder / "a.tmp", "new", /*synced=*/true);
                    files.rename(folder / "a.tmp", folder / "a");
                  },
                  [&](const fs::path& folder, const Aftermath& aftermath) {
                    if (aftermath.finished && !fs::exists(folder / "a")) found = true;
                  });
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace polaris
