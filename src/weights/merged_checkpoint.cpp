#include "weights/merged_checkpoint.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "weights/checkpoint_writer.h"

namespace polaris {
namespace {

constexpr std::int64_t kGrain = 16;  // rows that a thread takes at once

/// The adapter of one projection in float32.
class Delta {
 public:
  Delta(const PeftAdapter& adapter, const LoraTarget& target)
      : target_(target),
        scale_(static_cast<float>(adapter.layout().scale())),
        rank_(static_cast<std::size_t>(adapter.layout().rank)),
        a_(rank_ * static_cast<std::size_t>(target.in)),
        b_(rank_ * static_cast<std::size_t>(target.out)) {
    adapter.read(target.a(), 0, a_);
    adapter.read(target.b(), 0, b_);
  }

  const LoraTarget& target() const { return target_; }

  /// Adds scale B A to the elements of W from `first` on; rows are divided among threads.
  void add_to(std::span<float> values, std::uint64_t first, TaskPool& pool) const {
    const auto width = static_cast<std::uint64_t>(target_.in);
    const std::uint64_t end = first + values.size();
    pool.parallel_for(static_cast<std::int64_t>(first / width),
                      static_cast<std::int64_t>((end + width - 1) / width), kGrain,
                      [&](std::int64_t begin_row, std::int64_t end_row) {
                        for (auto row = static_cast<std::uint64_t>(begin_row);
                             row < static_cast<std::uint64_t>(end_row); ++row) {
                          const std::uint64_t from = std::max(row * width, first);
                          const std::uint64_t to = std::min((row + 1) * width, end);
                          add_row(row, from - row * width, values.subspan(from - first, to - from));
                        }
                      });
  }

 private:
  /// Columns of one row from `column` on.
  void add_row(std::uint64_t row, std::uint64_t column, std::span<float> values) const {
    std::vector<float> sums(values.size());
    for (std::size_t k = 0; k < rank_; ++k) {
      const float b = b_[row * rank_ + k];
      const float* a = a_.data() + k * static_cast<std::uint64_t>(target_.in) + column;
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += b * a[i];
    }
    for (std::size_t i = 0; i < sums.size(); ++i) values[i] += scale_ * sums[i];
  }

  LoraTarget target_;
  float scale_;
  std::size_t rank_;
  std::vector<float> a_, b_;  // [rank, in], [out, rank]
};

}  // namespace

void write_merged_checkpoint(const ModelFolder& base, const PeftAdapter& adapter,
                             const std::filesystem::path& folder, TaskPool& pool,
                             const std::function<void(std::uint64_t bytes)>& on_progress,
                             FileSystem& files) {
  const auto& targets = adapter.layout().targets;
  std::optional<Delta> delta;  // of the tensor at hand
  std::uint64_t done = 0;
  std::vector<float> values;
  const auto fill = [&](std::string_view name, Dtype dtype, std::uint64_t first,
                        std::span<std::byte> piece) {
    POLARIS_CHECK(dtype == Dtype::kF32, "merged into {}", dtype_name(dtype));
    const StoredTensor& stored =
        *std::ranges::find(base.tensors(), name, &ModelTensor::name)->stored;
    const std::size_t width = weight_bytes(stored.spec.dtype);
    values.resize(piece.size() / sizeof(float));
    convert(stored.bytes.subspan(first * width, values.size() * width), stored.spec.dtype,
            std::as_writable_bytes(std::span(values)), Dtype::kF32);
    const auto target = std::ranges::find(targets, name, &LoraTarget::weight);
    if (target != targets.end()) {
      if (!delta || delta->target() != *target) delta.emplace(adapter, *target);
      delta->add_to(values, first, pool);
    }
    std::memcpy(piece.data(), values.data(), piece.size());
    done += piece.size();
    on_progress(done);
  };
  rewrite_checkpoint(base, folder, Dtype::kF32, fill, files);
}

}  // namespace polaris
