#include "weights/random_model.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/strings.h"
#include "weights/checkpoint_writer.h"
#include "weights/expected_tensors.h"
#include "weights/random_weights.h"
#include "weights/small_files.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// AtomicFolder would replace a folder of its own; a model is never replaced.
void require_new_or_empty(const fs::path& folder, FileSystem& files) {
  const FileKind kind = files.kind(folder);
  if (kind == FileKind::kAbsent) return;
  const auto entries = kind == FileKind::kFolder ? files.list(folder) : std::vector<FolderEntry>{};
  if (kind == FileKind::kFolder && entries.empty()) return;
  throw Error(ErrorCode::kIo,
              fmt::format("{} {}; give a new or empty folder", folder.string(),
                          entries.empty() ? std::string("is not a folder")
                                          : "already holds " + entries.front().name));
}

void require_room(std::uint64_t bytes, const fs::path& folder) {
  std::error_code unknown;  // then the write itself will tell
  const fs::space_info space = fs::space(folder, unknown);
  if (!unknown && space.available < bytes)
    throw Error(ErrorCode::kIo,
                fmt::format("the model needs {} and the disk of {} has {} free",
                            human_bytes(static_cast<double>(bytes)), folder.string(),
                            human_bytes(static_cast<double>(space.available))));
}

}  // namespace

std::uint64_t stored_bytes(const RandomModel& model) {
  std::uint64_t bytes = 0;
  for (const ExpectedTensor& tensor : expected_tensors(model.config))
    bytes += byte_size({tensor.name, stored_dtype(tensor.name, model.dtype), tensor.shape}).value();
  return bytes;
}

void write_random_model(const RandomModel& model, const fs::path& folder, TaskPool& pool,
                        const std::function<void(std::uint64_t bytes)>& on_progress,
                        FileSystem& files) {
  require_new_or_empty(folder, files);
  AtomicFolder target(folder, files);
  require_room(stored_bytes(model), target.path());
  if (model.small_files) copy_small_files(*model.small_files, target.path(), files);
  const RandomWeights weights(model.config, model.seed, pool);
  std::uint64_t done = 0;
  const auto fill = [&](std::string_view name, Dtype dtype, std::uint64_t first,
                        std::span<std::byte> piece) {
    weights.fill(name, dtype, first, piece);
    done += piece.size();
    on_progress(done);
  };
  write_checkpoint(target.path(), model.config, model.dtype, fill, kMaxShardBytes, files);
  target.commit();
}

}  // namespace polaris
