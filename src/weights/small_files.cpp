#include "weights/small_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/atomic_file.h"
#include "weights/mapped_file.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

// The tokenizer files of large vocabularies have about 20 MB.
constexpr std::uintmax_t kMaxBytes = 64U << 20;

constexpr std::array<std::string_view, 15> kWeightEndings = {
    ".safetensors", ".index.json", ".bin",  ".pt",  ".pth", ".ckpt", ".h5",  ".msgpack",
    ".onnx",        ".gguf",       ".ggml", ".npz", ".npy", ".tmp",  ".part"};

bool belongs_to_model(const std::string& name) {
  return !name.starts_with('.') &&
         std::none_of(kWeightEndings.begin(), kWeightEndings.end(),
                      [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

std::vector<std::string> copy_small_files(const fs::path& from, const fs::path& to,
                                          FileSystem& files) {
  std::vector<std::string> left_behind;
  for (const FolderEntry& entry : files.list(from)) {
    if (entry.name == "config.json" || entry.name == "DONE") continue;
    const auto size = files.size(from / entry.name);  // nothing for a folder or a broken link
    if (!size || *size > kMaxBytes || !belongs_to_model(entry.name)) {
      left_behind.push_back(entry.name);
    } else {
      copy_file(from / entry.name, to / entry.name, files);
    }
  }
  return left_behind;
}

void copy_file(const fs::path& from, const fs::path& to, FileSystem& files) {
  const MappedFile source(from);
  const auto bytes = source.bytes();
  write_atomically(to, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, files);
}

}  // namespace polaris
