#include "base/faulty_file_system.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

std::string key_of(const fs::path& path) {
  const fs::path full = fs::absolute(path).lexically_normal();
  return (full.has_filename() ? full : full.parent_path()).string();
}

bool lies_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

/// In memory where the machine has such a folder: hundreds of rounds need no disk.
fs::path quick_folder() {
  const fs::path memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK | X_OK) == 0 ? memory : fs::temp_directory_path();
}

constexpr std::uintmax_t kNoLimit = ~std::uintmax_t{0};

}  // namespace

/// What of one file or folder has reached the disk. It keeps its identity through renames.
struct FaultyFileSystem::Node {
  bool is_folder = false;
  std::map<std::string, NodePtr> entries;  // folder: its names at the last sync
  std::string content;                     // file: its bytes at the last sync
  std::uintmax_t stable = 0;               // file: the first bytes, which nothing has touched since
};

class FaultyFile final : public WritableFile {
 public:
  FaultyFile(FaultyFileSystem& files, fs::path path, std::unique_ptr<WritableFile> file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}

  void write(std::string_view bytes) override {
    const bool fails = files_.begins_to_fail();
    file_->write(fails ? bytes.substr(0, bytes.size() / 2) : bytes);
    if (fails) files_.fail(path_);
  }

  void sync() override {
    files_.step(path_);
    files_.record_sync(path_);
  }

  void close() override {
    files_.step(path_);
    file_->close();
  }

 private:
  FaultyFileSystem& files_;
  fs::path path_;
  std::unique_ptr<WritableFile> file_;
};

FaultyFileSystem::FaultyFileSystem(const fs::path& root) : root_(root) { record_tree(root_); }

bool FaultyFileSystem::begins_to_fail() {
  refuse_the_dead();
  ++operations_;
  is_dead_ = operations_ == crash_at_;
  return is_dead_ || operations_ == fail_at_;
}

void FaultyFileSystem::fail(const fs::path& path) {
  refuse_the_dead();
  throw Error(ErrorCode::kIo,
              fmt::format("cannot write {}: simulated failure; is the disk full?", path.string()));
}

void FaultyFileSystem::step(const fs::path& path) {
  if (begins_to_fail()) fail(path);
}

void FaultyFileSystem::refuse_the_dead() const {
  if (is_dead_) throw SimulatedCrash();
}

FaultyFileSystem::NodePtr FaultyFileSystem::node_of(const fs::path& path) {
  NodePtr& node = live_[key_of(path)];
  if (!node) {
    node = std::make_shared<Node>();
    node->is_folder = real_.kind(path) == FileKind::kFolder;
  }
  return node;
}

/// Takes `path` and all below it out of live_; the keys of the result are relative to `path`.
std::map<std::string, FaultyFileSystem::NodePtr> FaultyFileSystem::take_below(
    const fs::path& path) {
  const std::string top = key_of(path);
  std::map<std::string, NodePtr> taken;
  for (auto it = live_.lower_bound(top); it != live_.end() && it->first.starts_with(top);) {
    if (it->first == top || lies_below(it->first, top)) {
      taken[it->first.substr(top.size())] = it->second;
      it = live_.erase(it);
    } else {
      ++it;
    }
  }
  return taken;
}

void FaultyFileSystem::record_sync(const fs::path& path) {
  const NodePtr node = node_of(path);
  if (node->is_folder) {
    node->entries.clear();
    for (const FolderEntry& entry : real_.list(path))
      node->entries[entry.name] = node_of(path / entry.name);
  } else {
    node->content = real_.read(path, kNoLimit);
    node->stable = node->content.size();
  }
}

void FaultyFileSystem::record_tree(const fs::path& folder) {
  for (const FolderEntry& entry : real_.list(folder)) {
    const fs::path path = folder / entry.name;
    if (entry.kind == FileKind::kFolder) record_tree(path);
    if (entry.kind == FileKind::kFile) record_sync(path);
  }
  record_sync(folder);
}

std::unique_ptr<WritableFile> FaultyFileSystem::create(const fs::path& path) {
  step(path);
  auto file = real_.create(path);
  node_of(path)->stable = 0;
  return std::make_unique<FaultyFile>(*this, path, std::move(file));
}

std::unique_ptr<WritableFile> FaultyFileSystem::append(const fs::path& path) {
  step(path);
  auto file = real_.append(path);
  node_of(path);
  return std::make_unique<FaultyFile>(*this, path, std::move(file));
}

std::string FaultyFileSystem::read(const fs::path& path, std::uintmax_t max_bytes) {
  refuse_the_dead();
  return real_.read(path, max_bytes);
}

void FaultyFileSystem::rename(const fs::path& from, const fs::path& to) {
  step(to);
  node_of(from);
  real_.rename(from, to);
  take_below(to);
  for (auto& [rest, node] : take_below(from)) live_[key_of(to) + rest] = node;
}

void FaultyFileSystem::exchange(const fs::path& a, const fs::path& b) {
  step(b);
  node_of(a);
  node_of(b);
  real_.exchange(a, b);
  const auto from_a = take_below(a);
  for (auto& [rest, node] : take_below(b)) live_[key_of(a) + rest] = node;
  for (auto& [rest, node] : from_a) live_[key_of(b) + rest] = node;
}

/// What a link leads to is not modelled: a synced one comes back as an empty file.
void FaultyFileSystem::link(const fs::path& target, const fs::path& at) {
  step(at);
  real_.link(target, at);
  live_.erase(key_of(at));
}

void FaultyFileSystem::remove(const fs::path& path) {
  step(path);
  real_.remove(path);
  take_below(path);
}

void FaultyFileSystem::create_directory(const fs::path& path) {
  step(path);
  real_.create_directory(path);
  node_of(path);
}

void FaultyFileSystem::sync(const fs::path& path) {
  step(path);
  record_sync(path);
}

void FaultyFileSystem::truncate(const fs::path& path, std::uintmax_t size) {
  step(path);
  real_.truncate(path, size);
  const NodePtr node = node_of(path);
  node->stable = std::min(node->stable, size);
}

FileKind FaultyFileSystem::kind(const fs::path& path) {
  refuse_the_dead();
  return real_.kind(path);
}

std::optional<std::uintmax_t> FaultyFileSystem::size(const fs::path& path) {
  refuse_the_dead();
  return real_.size(path);
}

std::vector<FolderEntry> FaultyFileSystem::list(const fs::path& path) {
  refuse_the_dead();
  return real_.list(path);
}

void FaultyFileSystem::lose_unsynced(Crash crash) {
  is_dead_ = true;
  if (crash == Crash::kProcessKilled) return;
  if (crash != Crash::kNothingKept) {
    cut_unsynced(root_, crash);
    return;
  }
  for (const FolderEntry& entry : real_.list(root_)) real_.remove_all(root_ / entry.name);
  write_synced(*node_of(root_), root_);
}

void FaultyFileSystem::write_synced(const Node& folder, const fs::path& path) {
  for (const auto& [name, node] : folder.entries) {
    if (node->is_folder) {
      real_.create_directory(path / name);
      write_synced(*node, path / name);
    } else {
      std::ofstream(path / name, std::ios::binary) << node->content;
    }
  }
}

void FaultyFileSystem::cut_unsynced(const fs::path& folder, Crash crash) {
  for (const FolderEntry& entry : real_.list(folder)) {
    const fs::path path = folder / entry.name;
    if (entry.kind == FileKind::kFolder) cut_unsynced(path, crash);
    if (entry.kind != FileKind::kFile) continue;
    const std::uintmax_t size = real_.size(path).value_or(0);
    const std::uintmax_t stable = std::min(node_of(path)->stable, size);
    real_.truncate(path, crash == Crash::kTorn ? stable + (size - stable) / 2 : stable);
  }
}

std::int64_t for_every_fault(
    const std::function<void(const fs::path& folder)>& prepare,
    const std::function<void(const fs::path& folder, FileSystem& files)>& work,
    const std::function<void(const fs::path& folder, const Aftermath& aftermath)>& check) {
  const auto round = [&](std::int64_t number, bool crashes, Crash crash, const char* crash_name) {
    const TempFolder folder(quick_folder());
    prepare(folder.path());
    FaultyFileSystem files(folder.path());
    crashes ? files.crash_at(number) : files.fail_at(number);
    Aftermath aftermath;
    try {
      work(folder.path(), files);
      aftermath.finished = true;
    } catch (const SimulatedCrash&) {
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kIo) throw;
    }
    const bool was_hit = files.operations() >= number;
    files.lose_unsynced(crash);
    aftermath.description =
        fmt::format("operation {} {}, then {}", number, crashes ? "crashes" : "fails", crash_name);
    check(folder.path(), aftermath);
    return was_hit;
  };
  std::int64_t rounds = 0;
  for (const auto& [crash, name] : {std::pair(Crash::kProcessKilled, "nothing is lost"),
                                    std::pair(Crash::kNothingKept, "nothing unsynced is kept"),
                                    std::pair(Crash::kNamesKept, "only unsynced names are kept"),
                                    std::pair(Crash::kTorn, "unsynced bytes are torn")}) {
    for (const bool crashes : {true, false}) {
      std::int64_t number = 1;
      while (round(number, crashes, crash, name)) ++number;
      rounds += number;
    }
  }
  return rounds;
}

}  // namespace polaris
