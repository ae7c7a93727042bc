#include "weights/checkpoint_writer.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "weights/model_family.h"
#include "weights/safetensors_writer.h"
#include "weights/small_files.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";

/// As transformers writes its JSON files.
std::string pretty(const Json& json) { return json.dump(2) + "\n"; }

void make_folder(const fs::path& folder, FileSystem& files) {
  files.create_directories(folder);
  for (const FolderEntry& entry : files.list(folder)) {
    if (entry.name.ends_with(".safetensors") || entry.name == kIndexFile ||
        entry.name == kConfigFile) {
      throw Error(ErrorCode::kIo, fmt::format("{} already holds {}; give a new or empty folder",
                                              folder.string(), entry.name));
    }
  }
}

/// Asks `fill` for a tensor, piece by piece.
class TensorWriter {
 public:
  explicit TensorWriter(const FillTensor& fill) : fill_(fill) {}

  void write(SafetensorsWriter& file, const TensorSpec& spec, std::string_view canonical) {
    const std::size_t width = weight_bytes(spec.dtype);
    const std::uint64_t count = *element_count(spec.shape);
    const std::uint64_t per_piece = kMaxPieceBytes / width;
    for (std::uint64_t first = 0; first < count; first += per_piece) {
      buffer_.resize(std::min(per_piece, count - first) * width);
      fill_(canonical, spec.dtype, first, buffer_);
      file.append(spec.name, buffer_);
    }
  }

 private:
  const FillTensor& fill_;
  std::vector<std::byte> buffer_;
};

/// The index of files that were planned anew, or of a source's with new sizes.
void write_index(const fs::path& folder, Json index, std::uint64_t total_bytes, FileSystem& files) {
  if (!index["metadata"].is_object()) index["metadata"] = Json::object();
  index["metadata"]["total_size"] = total_bytes;
  write_atomically(folder / kIndexFile, pretty(index), files);
}

std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  return fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

/// config.json with other types, and with tying as the weights have it.
Json updated_config(const ModelFolder& source, std::optional<Dtype> dtype) {
  Json json = source.config_json();
  const auto update = [&](Json& level) {
    for (const char* key : {"dtype", "torch_dtype"}) {
      if (dtype && level.contains(key)) level[key] = torch_dtype_name(*dtype);
    }
    if (level.contains("tie_word_embeddings"))
      level["tie_word_embeddings"] = source.config().tie_word_embeddings;
  };
  update(json);
  if (json.contains("text_config") && json["text_config"].is_object()) update(json["text_config"]);
  return json;
}

}  // namespace

std::vector<ShardPlan> plan_shards(std::span<const TensorSpec> tensors,
                                   std::uint64_t max_shard_bytes) {
  std::vector<ShardPlan> plans(1);
  std::uint64_t shard_bytes = 0;
  for (const TensorSpec& spec : tensors) {
    const auto bytes = byte_size(spec);
    POLARIS_CHECK(bytes.has_value(), "tensor '{}' has no size", spec.name);
    if (!plans.back().tensors.empty() && *bytes > max_shard_bytes - shard_bytes) {
      plans.emplace_back();
      shard_bytes = 0;
    }
    plans.back().tensors.push_back(spec);
    shard_bytes = std::min(shard_bytes + *bytes, max_shard_bytes);
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].file_name = shard_name(i, plans.size());
    std::sort(plans[i].tensors.begin(), plans[i].tensors.end(),
              [](const TensorSpec& a, const TensorSpec& b) {
                const auto key = [](const TensorSpec& spec) { return dtype_bits(spec.dtype); };
                return key(a) != key(b) ? key(a) > key(b) : a.name < b.name;
              });
  }
  return plans;
}

void write_checkpoint(const fs::path& folder, const ModelConfig& config, Dtype dtype,
                      const FillTensor& fill, std::uint64_t max_shard_bytes, FileSystem& files) {
  make_folder(folder, files);
  const WeightNames names;
  std::vector<TensorSpec> specs;
  for (const ExpectedTensor& tensor : expected_tensors(config)) {
    specs.push_back({names.in_file(tensor.name), stored_dtype(tensor.name, dtype), tensor.shape});
  }
  const auto plans = plan_shards(specs, max_shard_bytes);
  Json index = {{"weight_map", Json::object()}};
  std::uint64_t total_bytes = 0;
  TensorWriter tensors(fill);
  for (const ShardPlan& plan : plans) {
    SafetensorsWriter file(folder / plan.file_name, plan.tensors, {{"format", "pt"}}, files);
    for (const TensorSpec& spec : plan.tensors) {
      tensors.write(file, spec, *names.canonical(spec.name));
      index["weight_map"][spec.name] = plan.file_name;
      total_bytes += *byte_size(spec);
    }
    file.commit();
  }
  if (plans.size() > 1) write_index(folder, std::move(index), total_bytes, files);
  ModelConfig stored = config;
  stored.dtype = dtype;
  write_atomically(folder / kConfigFile, pretty(make_config_json(stored)), files);
}

std::vector<std::string> rewrite_checkpoint(const ModelFolder& source, const fs::path& folder,
                                            std::optional<Dtype> dtype, const FillTensor& fill,
                                            FileSystem& files) {
  make_folder(folder, files);
  std::uint64_t total_bytes = 0;
  TensorWriter tensors(fill);
  for (const SafetensorsFile& shard : source.weights().shards()) {
    std::vector<TensorSpec> specs;
    for (const StoredTensor& stored : shard.tensors()) {
      TensorSpec spec = stored.spec;
      const auto ours = source.ours(spec.name);
      if (ours && dtype) spec.dtype = stored_dtype(*ours, *dtype);
      total_bytes += *byte_size(spec);
      specs.push_back(std::move(spec));
    }
    SafetensorsWriter file(folder / shard.path().filename(), specs, shard.metadata(), files);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (const auto ours = source.ours(specs[i].name)) {
        tensors.write(file, specs[i], *ours);
      } else {
        file.append(specs[i].name, shard.tensors()[i].bytes);
      }
    }
    file.commit();
  }
  if (!source.weights().index().is_null())
    write_index(folder, source.weights().index(), total_bytes, files);
  auto left_behind = copy_small_files(source.path(), folder, files);

  const Json config = updated_config(source, dtype);
  if (config == source.config_json()) {
    copy_file(source.path() / kConfigFile, folder / kConfigFile, files);
  } else {
    write_atomically(folder / kConfigFile, pretty(config), files);
  }
  return left_behind;
}

}  // namespace polaris
