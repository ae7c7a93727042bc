#include "weights/safetensors_writer.h"

#include <set>

#include "base/error.h"
#include "base/json.h"

namespace polaris {
namespace {

std::uint64_t checked_size(const TensorSpec& spec) {
  const auto bytes = byte_size(spec);
  POLARIS_CHECK(bytes.has_value(), "tensor '{}' of shape {} has no size", spec.name,
                shape_text(spec.shape));
  return *bytes;
}

}  // namespace

std::string safetensors_header(std::span<const TensorSpec> tensors,
                               const SafetensorsMetadata& metadata) {
  // Not by way of a Json object: that would sort the tensors by name.
  std::string json = "{";
  if (!metadata.empty()) json += fmt::format("\"__metadata__\":{}", dump_json(metadata));
  std::set<std::string_view> names;
  std::uint64_t end = 0;
  for (const TensorSpec& spec : tensors) {
    POLARIS_CHECK(spec.name != "__metadata__" && names.insert(spec.name).second,
                  "tensor '{}' stands twice", spec.name);
    const std::uint64_t begin = end;
    end += checked_size(spec);
    if (json.size() > 1) json += ',';
    json += fmt::format(R"({}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})",
                        dump_json(spec.name), dtype_name(spec.dtype), dump_json(spec.shape), begin,
                        end);
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');

  std::string length(8, '\0');
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>(json.size() >> (8 * i) & 0xFFU);
  return length + json;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorSpec> tensors,
                                     const SafetensorsMetadata& metadata, FileSystem& files)
    : tensors_(std::move(tensors)), file_(path, files) {
  file_.write(safetensors_header(tensors_, metadata));
  skip_finished();
}

void SafetensorsWriter::append(std::string_view name, std::span<const std::byte> piece) {
  if (piece.empty()) return;  // also for a tensor without elements, which is over before it begins
  POLARIS_CHECK(current_ < tensors_.size(), "all tensors are written, '{}' is one more", name);
  const TensorSpec& spec = tensors_[current_];
  POLARIS_CHECK(spec.name == name, "the bytes of '{}' are due, not those of '{}'", spec.name, name);
  POLARIS_CHECK(piece.size() <= checked_size(spec) - current_done_, "'{}' has only {} bytes", name,
                checked_size(spec));
  file_.write({reinterpret_cast<const char*>(piece.data()), piece.size()});
  current_done_ += piece.size();
  skip_finished();
}

void SafetensorsWriter::commit() {
  POLARIS_CHECK(current_ == tensors_.size(), "'{}' is not complete", tensors_[current_].name);
  file_.commit();
}

void SafetensorsWriter::skip_finished() {
  while (current_ < tensors_.size() && current_done_ == checked_size(tensors_[current_])) {
    ++current_;
    current_done_ = 0;
  }
}

}  // namespace polaris
