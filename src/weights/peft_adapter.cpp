#include "weights/peft_adapter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "weights/error_text.h"
#include "weights/safetensors_writer.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

constexpr auto kConfigFile = "adapter_config.json";
constexpr auto kTensorFile = "adapter_model.safetensors";
constexpr auto kBaseHash = "base_sha256";  // metadata of kTensorFile
constexpr std::string_view kWrapper = "base_model.model.";
constexpr std::uintmax_t kMaxConfigBytes = 1U << 20;
constexpr std::int64_t kMaxRank = 4096;

/// Settings of PEFT's LoRA that change what is computed, and that we do not compute.
constexpr std::array kMustBeUnset = {"use_dora",
                                     "use_rslora",
                                     "fan_in_fan_out",
                                     "modules_to_save",
                                     "rank_pattern",
                                     "alpha_pattern",
                                     "lora_bias",
                                     "layer_replication",
                                     "use_qalora",
                                     "target_parameters",
                                     "trainable_token_indices"};

Error invalid(const fs::path& file, std::string_view what) {
  return {ErrorCode::kInvalidData, fmt::format("{}: {}", file.string(), what)};
}

bool is_unset(const Json& value) {
  return value.is_null() || value == false || (value.is_structured() && value.empty());
}

/// The canonical name of a tensor in an adapter file; nothing if it cannot be one of a layer's.
/// Whatever the adapter's author loaded the model as, the layers stand behind "model." or nothing.
std::optional<std::string> canonical_name(std::string_view name) {
  if (!name.starts_with(kWrapper)) return std::nullopt;
  name.remove_prefix(kWrapper.size());
  const std::size_t begin = name.find("layers.");
  if (begin == name.npos) return std::nullopt;
  const std::string_view prefix = name.substr(0, begin);
  if (!prefix.empty() && !prefix.ends_with("model.")) return std::nullopt;
  return std::string(name.substr(begin));
}

}  // namespace

PeftAdapter::PeftAdapter(const fs::path& folder, const ModelFolder& base)
    : folder_(folder), file_(folder / kTensorFile) {
  read_config();
  find_tensors(base);
  check_base(base);
}

void PeftAdapter::read_config() {
  const fs::path path = folder_ / kConfigFile;
  const Json json = read_json_file(path, kMaxConfigBytes);
  const auto find = [&](const char* key) {
    return json.is_object() ? json.value(key, Json()) : Json();
  };
  if (find("peft_type") != "LORA")
    throw invalid(path, fmt::format("\"peft_type\" is {}; only \"LORA\" can be read",
                                    shown(find("peft_type"))));
  for (const char* key : kMustBeUnset) {
    if (!is_unset(find(key)))
      throw invalid(
          path, fmt::format("\"{}\" is {}; only plain LoRA can be read", key, shown(find(key))));
  }
  const Json bias = find("bias");
  if (!is_unset(bias) && bias != "none")
    throw invalid(path, fmt::format("\"bias\" is {}; only \"none\" can be read", shown(bias)));
  const Json rank = find("r"), alpha = find("lora_alpha");
  if (!rank.is_number_integer() || rank < 1 || rank > kMaxRank)
    throw invalid(path,
                  fmt::format("\"r\" is {}; a rank of 1 ... {} is needed", shown(rank), kMaxRank));
  if (!alpha.is_number() || !(alpha > 0))
    throw invalid(path,
                  fmt::format("\"lora_alpha\" is {}; a number above 0 is needed", shown(alpha)));
  layout_.rank = rank.get<std::int64_t>();
  layout_.alpha = alpha.get<double>();
}

void PeftAdapter::find_tensors(const ModelFolder& base) {
  for (const StoredTensor& tensor : file_.tensors()) {
    const auto name = canonical_name(tensor.spec.name);
    if (name && !tensors_.emplace(*name, &tensor).second)
      throw invalid(file_.path(), fmt::format("{} is there twice", *name));
    if (!name)
      throw invalid(file_.path(), fmt::format("tensor {} is no adapter of a layer's projection",
                                              shown(tensor.spec.name)));
  }
  std::size_t used = 0;
  for (const LoraTarget& target : lora_projections(base.config())) {
    const auto a = tensors_.find(target.a()), b = tensors_.find(target.b());
    if (a == tensors_.end() && b == tensors_.end()) continue;
    if (a == tensors_.end() || b == tensors_.end())
      throw invalid(file_.path(), fmt::format("tensor {} is missing",
                                              a == tensors_.end() ? target.a() : target.b()));
    const auto check = [&](const StoredTensor& tensor, const Shape& shape) {
      if (tensor.spec.shape != shape || !is_weight_dtype(tensor.spec.dtype))
        throw invalid(file_.path(),
                      fmt::format("tensor {} is {} {}; this model and rank {} need F32, BF16 or "
                                  "F16 of {}",
                                  shown(tensor.spec.name), dtype_name(tensor.spec.dtype),
                                  shape_text(tensor.spec.shape), layout_.rank, shape_text(shape)));
    };
    check(*a->second, {layout_.rank, target.in});
    check(*b->second, {target.out, layout_.rank});
    layout_.targets.push_back(target);
    layout_.names.push_back(target.module);
    used += 2;
  }
  if (used == tensors_.size() && used > 0) return;
  const auto has_no_place = [&](const auto& entry) {
    return std::ranges::none_of(layout_.targets, [&](const LoraTarget& target) {
      return entry.first == target.a() || entry.first == target.b();
    });
  };
  const auto foreign = std::ranges::find_if(tensors_, has_no_place);
  throw invalid(file_.path(), foreign == tensors_.end()
                                  ? std::string("it holds no adapter")
                                  : fmt::format("the model {} has no projection for {}",
                                                base.path().string(), shown(foreign->first)));
}

void PeftAdapter::check_base(const ModelFolder& base) const {
  const auto hash = file_.metadata().find(kBaseHash);
  if (hash == file_.metadata().end() || hash->second == base.weights_sha256()) return;
  throw invalid(file_.path(),
                fmt::format("the adapter was trained on other weights than those of {}; name the "
                            "model that it belongs to",
                            base.path().string()));
}

void PeftAdapter::read(std::string_view canonical_name, std::uint64_t first,
                       std::span<float> values) const {
  const auto found = tensors_.find(canonical_name);
  POLARIS_CHECK(found != tensors_.end(), "the adapter has no {}", canonical_name);
  const StoredTensor& tensor = *found->second;
  const std::size_t width = weight_bytes(tensor.spec.dtype);
  convert(tensor.bytes.subspan(first * width, values.size() * width), tensor.spec.dtype,
          std::as_writable_bytes(values), Dtype::kF32);
  const auto bad = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (bad != values.end())
    throw invalid(file_.path(),
                  fmt::format("tensor {}: element {} is {}; the adapter is damaged",
                              tensor.spec.name, first + (bad - values.begin()), *bad));
}

void write_peft_adapter(const fs::path& folder, const LoraLayout& layout, const ModelFolder& base,
                        const ReadLora& read, FileSystem& files) {
  constexpr std::uint64_t kPiece = 1U << 20;  // elements
  const auto name_in_file = [&](const std::string& canonical) {
    return std::string(kWrapper) + base.names().in_file(canonical);
  };
  const std::vector<ExpectedTensor> tensors = layout.tensors();
  std::vector<TensorSpec> specs;
  for (const ExpectedTensor& tensor : tensors)
    specs.push_back({name_in_file(tensor.name), Dtype::kF32, tensor.shape});
  SafetensorsWriter writer(folder / kTensorFile, specs,
                           {{"format", "pt"}, {kBaseHash, base.weights_sha256()}}, files);
  std::vector<float> values;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t count = element_count(tensors[i].shape).value();
    for (std::uint64_t first = 0; first < count; first += kPiece) {
      values.resize(std::min(kPiece, count - first));
      read(tensors[i].name, first, values);
      writer.append(specs[i].name, std::as_bytes(std::span(values)));
    }
  }
  writer.commit();

  // PEFT and those who read its folders take alpha for a whole number.
  const bool is_whole = layout.alpha == std::floor(layout.alpha);
  const Json config = {
      {"base_model_name_or_path", base.path().string()},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"lora_alpha", is_whole ? Json(static_cast<std::int64_t>(layout.alpha)) : Json(layout.alpha)},
      {"lora_dropout", 0.0},
      {"modules_to_save", nullptr},
      {"peft_type", "LORA"},
      {"r", layout.rank},
      {"target_modules", layout.names},
      {"task_type", "CAUSAL_LM"}};
  write_atomically(folder / kConfigFile, config.dump(2) + "\n", files);
}

}  // namespace polaris
