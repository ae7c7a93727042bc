#include "weights/hf_checkpoint.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "weights/error_text.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxIndexBytes = 100'000'000;

/// A name that stays in its folder. The name comes from a downloaded file.
bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

Error invalid(const fs::path& file, std::string_view reason) {
  return {ErrorCode::kInvalidData, fmt::format("{}: {}", file.string(), reason)};
}

}  // namespace

HfCheckpoint::HfCheckpoint(const fs::path& folder) : folder_(folder) {
  std::error_code
      ignored;  // a link that leads nowhere still counts as an index: reading reports it
  const auto index_type = fs::symlink_status(folder_ / kIndexFile, ignored).type();
  if (index_type == fs::file_type::not_found) {
    shards_.emplace_back(only_file());
  } else {
    open_indexed();
  }
  for (const SafetensorsFile& shard : shards_) {
    for (const StoredTensor& tensor : shard.tensors()) {
      if (!by_name_.emplace(tensor.spec.name, &tensor).second) {
        throw invalid(shard.path(), fmt::format("tensor {} stands in another file as well",
                                                shown(tensor.spec.name)));
      }
    }
  }
  if (!index_.is_null()) check_index();
}

const StoredTensor* HfCheckpoint::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const fs::path& HfCheckpoint::file_of(const StoredTensor& tensor) const {
  for (const SafetensorsFile& shard : shards_) {
    if (shard.find(tensor.spec.name) == &tensor) return shard.path();
  }
  throw Error(ErrorCode::kInternal, fmt::format("'{}' is not from here", tensor.spec.name));
}

void HfCheckpoint::open_indexed() {
  const fs::path file = folder_ / kIndexFile;
  index_ = read_json_file(file, kMaxIndexBytes);
  if (!index_.is_object() || !index_.contains("weight_map") || !index_["weight_map"].is_object())
    throw invalid(file, "the object 'weight_map' is missing");
  std::set<std::string> names;
  for (const auto& [tensor, shard] : index_["weight_map"].items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>())) {
      throw invalid(file, fmt::format("tensor {} is mapped to {}; the name of a file in the same "
                                      "folder is needed",
                                      shown(tensor), shown(shard)));
    }
    names.insert(shard.get<std::string>());
  }
  if (names.empty()) throw invalid(file, "'weight_map' is empty");
  for (const std::string& name : names) shards_.emplace_back(folder_ / name);
}

void HfCheckpoint::check_index() const {
  const Json& map = index_["weight_map"];
  for (const SafetensorsFile& shard : shards_) {
    const std::string name = shard.path().filename().string();
    for (const StoredTensor& tensor : shard.tensors()) {
      const auto entry = map.find(tensor.spec.name);
      if (entry == map.end() || *entry != name) {
        throw invalid(shard.path(), fmt::format("tensor {} is not mapped to this file by {}",
                                                shown(tensor.spec.name), kIndexFile));
      }
    }
  }
  for (const auto& [tensor, shard] : map.items()) {
    if (find(tensor) == nullptr) {
      throw invalid(
          folder_ / shard.get_ref<const std::string&>(),
          fmt::format("tensor {} is missing; {} maps it to this file", shown(tensor), kIndexFile));
    }
  }
}

fs::path HfCheckpoint::only_file() const {
  std::error_code failure;
  std::vector<fs::path> candidates;
  for (fs::directory_iterator it(folder_, failure), end; !failure && it != end;
       it.increment(failure)) {
    if (it->path().filename() == "model.safetensors") return it->path();
    if (it->path().extension() == ".safetensors") candidates.push_back(it->path());
  }
  if (failure) {
    throw Error(ErrorCode::kIo,
                fmt::format("cannot read the folder {}: {}", folder_.string(), failure.message()));
  }
  if (candidates.empty()) {
    throw Error(ErrorCode::kIo, fmt::format("{} holds no *.safetensors; give the folder of a "
                                            "Hugging Face checkpoint",
                                            folder_.string()));
  }
  if (candidates.size() > 1) {
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{} holds {} *.safetensors and no {}; is a file missing?",
                            folder_.string(), candidates.size(), kIndexFile));
  }
  return candidates.front();
}

}  // namespace polaris
