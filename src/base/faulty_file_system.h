// Test equipment: proves that what polaris leaves on a disk is whole after a crash at any moment.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace polaris {

/// The process has died. Not an Error, so that no code that handles errors can go on.
class SimulatedCrash : public std::exception {
 public:
  const char* what() const noexcept override { return "simulated crash"; }
};

/// What a crash leaves of the names and bytes that were not synced. A real disk may also leave a
/// mixture; a protocol that survives these four orders its syncs correctly.
enum class Crash {
  kProcessKilled,  ///< all of it: the machine went on
  kNothingKept,    ///< names and contents are those of the last sync; unsynced removals undone
  kNamesKept,      ///< names as they are now, unsynced bytes gone: the file of zero length
  kTorn,           ///< names as they are now, half of the unsynced bytes
};

/// The real file system, with a model of what of it has reached the disk. Everything that stands
/// below `root` at construction counts as synced. Files that other means write into `root` count
/// as unsynced. A sync costs nothing: it does not wait for the disk. Names are the model's keys: do
/// not reach one file by two of them. Not for several threads.
class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(const std::filesystem::path& root);

  /// Mutating operations so far, the one that failed included. Operations are counted from 1.
  std::int64_t operations() const { return operations_; }

  /// Operation `number` and everything after it throw SimulatedCrash. A write does half its work.
  void crash_at(std::int64_t number) { crash_at_ = number; }

  /// Operation `number` alone throws the Error{kIo} of a full disk. A write does half its work.
  void fail_at(std::int64_t number) { fail_at_ = number; }

  /// Changes the real files below `root` into what `crash` would have left of them. The object is
  /// of no further use.
  void lose_unsynced(Crash crash);

  std::unique_ptr<WritableFile> create(const std::filesystem::path& path) override;
  std::unique_ptr<WritableFile> append(const std::filesystem::path& path) override;
  std::string read(const std::filesystem::path& path, std::uintmax_t max_bytes) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void exchange(const std::filesystem::path& a, const std::filesystem::path& b) override;
  void link(const std::filesystem::path& target, const std::filesystem::path& at) override;
  void remove(const std::filesystem::path& path) override;
  void create_directory(const std::filesystem::path& path) override;
  void sync(const std::filesystem::path& path) override;
  void truncate(const std::filesystem::path& path, std::uintmax_t size) override;
  FileKind kind(const std::filesystem::path& path) override;
  std::optional<std::uintmax_t> size(const std::filesystem::path& path) override;
  std::vector<FolderEntry> list(const std::filesystem::path& path) override;

 private:
  friend class FaultyFile;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  /// Counts a mutating operation; true if it must fail half-way, by fail().
  bool begins_to_fail();
  [[noreturn]] void fail(const std::filesystem::path& path);
  void step(const std::filesystem::path& path);
  void refuse_the_dead() const;

  NodePtr node_of(const std::filesystem::path& path);
  std::map<std::string, NodePtr> take_below(const std::filesystem::path& path);
  void record_sync(const std::filesystem::path& path);
  void record_tree(const std::filesystem::path& folder);
  void write_synced(const Node& folder, const std::filesystem::path& path);
  void cut_unsynced(const std::filesystem::path& folder, Crash crash);

  FileSystem& real_ = real_file_system();
  std::filesystem::path root_;
  std::map<std::string, NodePtr> live_;  // by path, what stands there now
  std::int64_t operations_ = 0;
  std::int64_t crash_at_ = -1;
  std::int64_t fail_at_ = -1;
  bool is_dead_ = false;
};

/// What for_every_fault() tells its check.
struct Aftermath {
  bool finished = false;    ///< `work` returned: what it promised must be there
  std::string description;  ///< "operation 3 crashes, then unsynced bytes are torn"
};

/// Lets every operation of `work` crash, and fail, each followed by the four kinds of crash, every
/// time in a new folder: `prepare` fills the folder, `work` does what is to be proven, `check`
/// looks at what is left (on the real file system; it may repair as the next start would). The
/// last round of each kind goes undisturbed. `work` may let Error{kIo} out. Returns the rounds.
std::int64_t for_every_fault(
    const std::function<void(const std::filesystem::path& folder)>& prepare,
    const std::function<void(const std::filesystem::path& folder, FileSystem& files)>& work,
    const std::function<void(const std::filesystem::path& folder, const Aftermath& aftermath)>&
        check);

}  // namespace polaris
