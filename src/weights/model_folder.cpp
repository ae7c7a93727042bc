#include "weights/model_folder.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "weights/error_text.h"

namespace polaris {
namespace {

constexpr std::string_view kEmbedding = "embed_tokens.weight";
constexpr std::string_view kHead = "lm_head.weight";

bool same_content(const StoredTensor& a, const StoredTensor& b) {
  return a.spec.dtype == b.spec.dtype && a.spec.shape == b.spec.shape &&
         std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
}

Error invalid(const std::filesystem::path& where, std::string_view tensor,
              std::string_view reason) {
  return {ErrorCode::kInvalidData,
          fmt::format("{}: tensor {} {}", where.string(), shown(tensor), reason)};
}

/// Whether config.json says anything about tying, at either level.
bool states_tying(const Json& config) {
  const auto text = config.find("text_config");
  return config.contains("tie_word_embeddings") ||
         (text != config.end() && text->contains("tie_word_embeddings"));
}

}  // namespace

ModelFolder::ModelFolder(const std::filesystem::path& folder)
    : config_(read_model_config(folder / "config.json")),
      weights_(folder),
      names_(WeightNames::detect(weights_)) {
  config_json_ = read_json_file(folder / "config.json");
  settle_head();
  find_tensors();
  refuse_unknown_in_layers();
}

std::optional<std::string> ModelFolder::ours(std::string_view name_in_file) const {
  auto name = names_.canonical(name_in_file);
  if (name && *name == kHead && head_is_copy_) return std::string(kEmbedding);
  if (!name || !canonical_.contains(*name)) return std::nullopt;
  return name;
}

const std::string& ModelFolder::weights_sha256() const {
  if (!sha256_.empty()) return sha256_;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state(EVP_MD_CTX_new(),
                                                                      &EVP_MD_CTX_free);
  POLARIS_CHECK(state && EVP_DigestInit_ex(state.get(), EVP_sha256(), nullptr) == 1, "no SHA-256");
  for (const ModelTensor& tensor : tensors_) {
    const TensorSpec& spec = tensor.stored->spec;
    const std::string header =
        fmt::format("{} {} {}\n", tensor.name, dtype_name(spec.dtype), shape_text(spec.shape));
    EVP_DigestUpdate(state.get(), header.data(), header.size());
    EVP_DigestUpdate(state.get(), tensor.stored->bytes.data(), tensor.stored->bytes.size());
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(state.get(), digest.data(), &size);
  for (unsigned i = 0; i < size; ++i) sha256_ += fmt::format("{:02x}", digest[i]);
  return sha256_;
}

void ModelFolder::settle_head() {
  const StoredTensor* head = weights_.find(names_.in_file(kHead));
  const StoredTensor* embedding = weights_.find(names_.in_file(kEmbedding));
  if (head == nullptr) {
    // Without a word about it, a file without a head is that of a tied model.
    if (!states_tying(config_json_)) config_.tie_word_embeddings = true;
  } else if (config_.tie_word_embeddings) {
    head_is_copy_ = same_content(*head, *embedding);
    config_.tie_word_embeddings = head_is_copy_;
  }
}

void ModelFolder::find_tensors() {
  for (const ExpectedTensor& expected : expected_tensors(config_)) {
    const std::string name = names_.in_file(expected.name);
    const StoredTensor* stored = weights_.find(name);
    if (stored == nullptr) {
      throw invalid(path(), name,
                    fmt::format("of shape {} is missing; config.json asks for it",
                                shape_text(expected.shape)));
    }
    if (stored->spec.shape != expected.shape) {
      throw invalid(weights_.file_of(*stored), name,
                    fmt::format("has the shape {}; config.json asks for {}",
                                shape_text(stored->spec.shape), shape_text(expected.shape)));
    }
    if (!is_weight_dtype(stored->spec.dtype)) {
      throw invalid(
          weights_.file_of(*stored), name,
          fmt::format("is {}; F32, BF16 or F16 is needed", dtype_name(stored->spec.dtype)));
    }
    tensors_.push_back({expected.name, stored});
    canonical_.insert(expected.name);
  }
}

void ModelFolder::refuse_unknown_in_layers() const {
  for (const SafetensorsFile& shard : weights_.shards()) {
    for (const StoredTensor& tensor : shard.tensors()) {
      const auto name = names_.canonical(tensor.spec.name);
      if (!name || !name->starts_with("layers.") || canonical_.contains(*name)) continue;
      if (name->ends_with(".rotary_emb.inv_freq")) continue;  // a constant that old files carry
      throw invalid(shard.path(), tensor.spec.name,
                    "is not part of the model that config.json describes; leaving it out would "
                    "change what the model computes");
    }
  }
}

}  // namespace polaris
