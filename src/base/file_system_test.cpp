#include "base/file_system.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

FileSystem& files = real_file_system();

void put(const fs::path& path, std::string_view content) {
  const auto file = files.create(path);
  file->write(content);
  file->close();
}

/// The message of the Error{kIo} that `work` throws.
template <class Work>
std::string io_error_of(Work&& work) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kIo);
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(FileSystem, CreateEmptiesAndAppendContinues) {
  const TempFolder folder;
  const fs::path path = folder / "a";
  put(path, "first");
  put(path, "second");
  const auto file = files.append(path);
  file->write(", third");
  file->sync();
  EXPECT_EQ(files.read(path), "second, third");  // visible before close
  file->close();
  EXPECT_EQ(files.size(path), 13U);
}

TEST(FileSystem, AppendLandsAtTheEndAfterTheFileWasCut) {
  const TempFolder folder;
  const auto file = files.append(folder / "a");
  file->write("0123456789");
  files.truncate(folder / "a", 4);
  file->write("x");
  EXPECT_EQ(files.read(folder / "a"), "0123x");
}

TEST(FileSystem, ReadsEmptyFilesAndFilesLargerThanItsBlock) {
  const TempFolder folder;
  put(folder / "empty", "");
  EXPECT_EQ(files.read(folder / "empty"), "");
  std::string large(200'000, 'x');
  large[131'072] = '\0';
  put(folder / "large", large);
  EXPECT_EQ(files.read(folder / "large"), large);
}

TEST(FileSystem, ReadRefusesMoreThanTheLimitEvenFromADeviceWithoutASize) {
  const TempFolder folder;
  put(folder / "a", "12345");
  EXPECT_EQ(files.read(folder / "a", 5), "12345");
  EXPECT_NE(io_error_of([&] { files.read(folder / "a", 4); }).find("more than 4 bytes"),
            std::string::npos);
  EXPECT_NE(io_error_of([&] { files.read("/dev/zero", 100'000); }).find("/dev/zero"),
            std::string::npos);
}

TEST(FileSystem, AFullDiskIsNamedAsSuchAndOtherReasonsAreNot) {
  const std::string full = io_error_of([] { files.append("/dev/full")->write("x"); });
  EXPECT_NE(full.find("/dev/full: No space left on device; is the disk full?"), std::string::npos)
      << full;
  const TempFolder folder;
  const std::string missing = io_error_of([&] { files.read(folder / "none"); });
  EXPECT_EQ(missing, "cannot read " + (folder / "none").string() + ": No such file or directory");
}

TEST(FileSystem, EveryFunctionNamesThePathItFailedOn) {
  const TempFolder folder;
  put(folder / "file", "x");
  const fs::path wrong = folder / "file/below";  // a file is no folder
  const auto names_it = [&](auto&& work) {
    return io_error_of(work).find(wrong.string()) != std::string::npos;
  };
  EXPECT_TRUE(names_it([&] { files.create(wrong); }));
  EXPECT_TRUE(names_it([&] { files.append(wrong); }));
  EXPECT_TRUE(names_it([&] { files.read(wrong); }));
  EXPECT_TRUE(names_it([&] { files.rename(folder / "file", wrong); }));
  EXPECT_TRUE(names_it([&] { files.exchange(folder / "file", wrong); }));
  EXPECT_TRUE(names_it([&] { files.create_directory(wrong); }));
  EXPECT_TRUE(names_it([&] { files.sync(wrong); }));
  EXPECT_TRUE(names_it([&] { files.truncate(wrong, 0); }));
  EXPECT_TRUE(names_it([&] { files.list(wrong); }));
  EXPECT_EQ(io_error_of([&] { files.create_directories(wrong); }),
            "cannot make the folder " + (folder / "file").string() + ": File exists");
  EXPECT_EQ(files.kind(wrong), FileKind::kAbsent);
  EXPECT_EQ(files.size(wrong), std::nullopt);
}

TEST(FileSystem, AFolderIsNotReadAsAFile) {
  const TempFolder folder;
  EXPECT_NE(io_error_of([&] { files.read(folder.path()); }).find("Is a directory"),
            std::string::npos);
}

TEST(FileSystem, AnUnreadableFolderIsAnError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TempFolder folder;
  files.create_directory(folder / "closed");
  fs::permissions(folder / "closed", fs::perms::none);
  io_error_of([&] { files.list(folder / "closed"); });
  io_error_of([&] { files.kind(folder / "closed/a"); });
  fs::permissions(folder / "closed", fs::perms::owner_all);
}

TEST(FileSystem, MakesMissingFoldersAndAcceptsExistingOnes) {
  const TempFolder folder;
  files.create_directories(folder / "a/b/c");
  files.create_directories(folder / "a/b/c/");
  EXPECT_EQ(files.kind(folder / "a/b/c"), FileKind::kFolder);
  fs::create_directory_symlink(folder / "a", folder / "link");
  files.create_directories(folder / "link/d");  // a run directory is often a link to a larger disk
  EXPECT_TRUE(files.exists(folder / "a/d"));
}

TEST(FileSystem, ListsSortedWithKindsAndDoesNotFollowLinks) {
  const TempFolder folder;
  put(folder / "b", "x");
  files.create_directory(folder / "a");
  fs::create_directory_symlink(folder / "a", folder / "c");
  const auto entries = files.list(folder.path());
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[0].kind, FileKind::kFolder);
  EXPECT_EQ(entries[1].kind, FileKind::kFile);
  EXPECT_EQ(entries[2].kind, FileKind::kOther);
}

TEST(FileSystem, RemoveAllLeavesAloneWhatLinksLeadTo) {
  const TempFolder folder;
  files.create_directories(folder / "kept");
  put(folder / "kept/precious", "x");
  files.create_directories(folder / "gone/deep");
  put(folder / "gone/deep/file", "x");
  fs::create_directory_symlink(folder / "kept", folder / "gone/link");
  files.remove_all(folder / "gone");
  files.remove_all(folder / "gone");  // absent is fine
  EXPECT_FALSE(files.exists(folder / "gone"));
  EXPECT_TRUE(files.exists(folder / "kept/precious"));
}

TEST(FileSystem, RemoveRefusesAFolderThatHoldsSomething) {
  const TempFolder folder;
  files.create_directories(folder / "a/b");
  io_error_of([&] { files.remove(folder / "a"); });
  files.remove(folder / "a/b");
  EXPECT_TRUE(files.list(folder / "a").empty());
}

TEST(FileSystem, ExchangesFoldersInOneStepOrInThree) {
  const TempFolder folder;
  files.create_directory(folder / "a");
  files.create_directory(folder / "b");
  put(folder / "a/was a", "");
  files.exchange(folder / "a", folder / "b");
  EXPECT_TRUE(files.exists(folder / "b/was a"));
  exchange_by_renaming(files, folder / "a", folder / "b");
  EXPECT_TRUE(files.exists(folder / "a/was a"));
  EXPECT_EQ(files.list(folder.path()).size(), 2U);
}

TEST(FileSystem, FolderOfABareNameIsTheWorkingDirectory) {
  EXPECT_EQ(folder_of("a"), ".");
  EXPECT_EQ(folder_of("a/b"), "a");
  EXPECT_EQ(folder_of("/a"), "/");
}

}  // namespace
}  // namespace polaris
