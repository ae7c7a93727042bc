#include "base/atomic_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/error.h"
#include "base/faulty_file_system.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) { return real_file_system().read(path); }

std::size_t entries_in(const fs::path& folder) { return real_file_system().list(folder).size(); }

/// Relative path -> content of every file below `folder`.
std::map<std::string, std::string> tree(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), folder).string()] = read(entry.path());
  }
  return files;
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TempFolder folder;
  AtomicFile file(folder / "a", real_file_system());
  file.write("12");
  file.write("34");
  EXPECT_FALSE(fs::exists(folder / "a"));
  file.commit();
  EXPECT_EQ(read(folder / "a"), "1234");
  EXPECT_EQ(entries_in(folder.path()), 1U);
}

TEST(AtomicFile, LeavesTheOldFileWhenNotCommitted) {
  const TempFolder folder;
  write_atomically(folder / "a", "old");
  AtomicFile(folder / "a").write("half a new");
  EXPECT_EQ(read(folder / "a"), "old");
  EXPECT_EQ(entries_in(folder.path()), 1U);
}

TEST(AtomicFile, TwoWritersOfOneFileDoNotMix) {
  const TempFolder folder;
  AtomicFile first(folder / "a");
  AtomicFile second(folder / "a");
  first.write("first");
  second.write("second");
  first.commit();
  second.commit();
  EXPECT_EQ(read(folder / "a"), "second");
}

TEST(AtomicFile, MayBeEmpty) {
  const TempFolder folder;
  write_atomically(folder / "a", "");
  EXPECT_EQ(read(folder / "a"), "");
}

TEST(AtomicFile, WritesThroughALinkAndRefusesDevicesAndFolders) {
  const TempFolder folder;
  write_atomically(folder / "target", "old");
  fs::create_symlink(folder / "target", folder / "link");
  write_atomically(folder / "link", "new");
  EXPECT_EQ(read(folder / "target"), "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_THROW(AtomicFile("/dev/null"), Error);
  EXPECT_THROW(AtomicFile(folder.path()), Error);
  fs::create_symlink(folder / "nowhere", folder / "broken");
  EXPECT_THROW(AtomicFile(folder / "broken"), Error);
}

TEST(AtomicFile, IsOldOrNewAfterAFaultAtAnyOperation) {
  for (const bool replaces : {false, true}) {
    const auto rounds = for_every_fault(
        [&](const fs::path& folder) {
          if (replaces) std::ofstream(folder / "a") << "old content";
        },
        [](const fs::path& folder, FileSystem& files) {
          AtomicFile file(folder / "a", files);
          file.write("new ");
          file.write("content");
          file.commit();
        },
        [&](const fs::path& folder, const Aftermath& aftermath) {
          SCOPED_TRACE(aftermath.description);
          const std::string content = fs::exists(folder / "a") ? read(folder / "a") : "absent";
          const std::string old = replaces ? "old content" : "absent";
          EXPECT_TRUE(content == "new content" || (!aftermath.finished && content == old))
              << content;
        });
    EXPECT_EQ(rounds, 8 * (7 + 1));  // eight kinds of fault, seven operations, one round without
  }
}

class AtomicFolderTest : public testing::Test {
 protected:
  static void fill(const fs::path& folder, const std::string& generation) {
    fs::create_directories(folder / "model/part");
    std::ofstream(folder / "cursor") << generation << " cursor";
    std::ofstream(folder / "model/weights") << generation << " weights";
    std::ofstream(folder / "model/part/0") << generation << " part";
    std::ofstream(folder / "model/empty");
    if (generation == "old") std::ofstream(folder / "only in old") << "old";
  }

  static void save(const fs::path& path, const std::string& generation,
                   FileSystem& files = real_file_system()) {
    AtomicFolder folder(path, files);
    fill(folder.path(), generation);
    folder.commit();
  }

  /// save() without waiting for the disk.
  static void quick_save(const fs::path& path, const std::string& generation) {
    fs::create_directories(path.parent_path());
    FaultyFileSystem files(path.parent_path());
    save(path, generation, files);
  }

  static std::map<std::string, std::string> whole(const std::string& generation) {
    const TempFolder folder;
    fill(folder.path(), generation);
    auto files = tree(folder.path());
    files["DONE"] = "complete\n";
    return files;
  }
};

TEST_F(AtomicFolderTest, AppearsWithDoneWhenCommitted) {
  const TempFolder folder;
  save(folder / "runs/step_5/", "new");  // makes the folder above; the slash is harmless
  EXPECT_EQ(tree(folder / "runs/step_5"), whole("new"));
  EXPECT_TRUE(is_complete_folder(folder / "runs/step_5"));
  EXPECT_EQ(entries_in(folder / "runs"), 1U);
}

TEST_F(AtomicFolderTest, IsRolledBackWhenNotCommitted) {
  const TempFolder folder;
  {
    AtomicFolder checkpoint(folder / "step_5");
    fill(checkpoint.path(), "new");
  }
  EXPECT_EQ(entries_in(folder.path()), 0U);
  EXPECT_FALSE(is_complete_folder(folder / "step_5"));
}

TEST_F(AtomicFolderTest, ReplacesTheWholeOldFolder) {
  const TempFolder folder;
  save(folder / "step_5", "old");
  save(folder / "step_5", "new");
  EXPECT_EQ(tree(folder / "step_5"), whole("new"));
  EXPECT_EQ(entries_in(folder.path()), 1U);
}

TEST_F(AtomicFolderTest, StartsAfreshWhereAKilledProcessStopped) {
  const TempFolder folder;
  fs::create_directories(folder / "step_5.tmp/model");
  std::ofstream(folder / "step_5.tmp/model/left over") << "x";
  std::ofstream(folder / "step_5.tmp/DONE");
  save(folder / "step_5", "new");
  EXPECT_EQ(tree(folder / "step_5"), whole("new"));
}

TEST_F(AtomicFolderTest, RefusesToReplaceWhatIsNotItsOwn) {
  const TempFolder folder;
  fs::create_directory(folder / "home");
  std::ofstream(folder / "home/thesis") << "precious";
  std::ofstream(folder / "file") << "precious";
  EXPECT_THROW(AtomicFolder(folder / "home"), Error);
  EXPECT_THROW(AtomicFolder(folder / "file"), Error);
  EXPECT_EQ(read(folder / "home/thesis"), "precious");
  EXPECT_EQ(entries_in(folder.path()), 2U);

  fs::create_directory(folder / "empty");
  AtomicFolder late(folder / "empty");  // an empty one is fine, unless somebody fills it meanwhile
  std::ofstream(folder / "empty/thesis") << "precious";
  EXPECT_THROW(late.commit(), Error);
  EXPECT_EQ(read(folder / "empty/thesis"), "precious");
}

TEST_F(AtomicFolderTest, IsOldOrNewAfterAFaultAtAnyOperation) {
  const auto old_tree = whole("old");
  const auto new_tree = whole("new");
  for (const bool replaces : {false, true}) {
    const auto rounds = for_every_fault(
        [&](const fs::path& folder) {
          if (replaces) quick_save(folder / "checkpoints/step_5", "old");
        },
        [](const fs::path& folder, FileSystem& files) {
          save(folder / "checkpoints/step_5", "new", files);
        },
        [&](const fs::path& folder, const Aftermath& aftermath) {
          SCOPED_TRACE(aftermath.description);
          const fs::path path = folder / "checkpoints/step_5";
          const bool is_new = fs::exists(path) && tree(path) == new_tree;
          const bool is_old = fs::exists(path) ? tree(path) == old_tree : !replaces;
          EXPECT_TRUE(is_new || (!aftermath.finished && is_old));
          EXPECT_EQ(is_complete_folder(path), fs::exists(path));
          quick_save(path, "new");  // the next attempt works whatever is left
          EXPECT_EQ(tree(path), new_tree);
          EXPECT_EQ(entries_in(folder / "checkpoints"), 1U);
        });
    EXPECT_GT(rounds, 8 * 10);
  }
}

TEST_F(AtomicFolderTest, DoneNeverStandsInAFolderThatIsPartlyRemoved) {
  const auto old_tree = whole("old");
  for_every_fault(
      [](const fs::path& folder) { quick_save(folder / "step_5", "old"); },
      [](const fs::path& folder, FileSystem& files) { remove_folder(folder / "step_5", files); },
      [&](const fs::path& folder, const Aftermath& aftermath) {
        SCOPED_TRACE(aftermath.description);
        if (is_complete_folder(folder / "step_5")) {
          EXPECT_FALSE(aftermath.finished);
          EXPECT_EQ(tree(folder / "step_5"), old_tree);
        }
      });
}

}  // namespace
}  // namespace polaris
