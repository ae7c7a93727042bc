#include "app/model_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/plan_report.h"
#include "base/assets.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "weights/model_family.h"
#include "weights/model_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArchitectures = "architectures";

std::string lower_case(std::string text) {
  for (char& c : text) {
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool holds_weights(const fs::path& folder) {
  return std::ranges::any_of(real_file_system().list(folder), [](const FolderEntry& entry) {
    return entry.name == kIndexFile || entry.name.ends_with(".safetensors");
  });
}

TensorGroup& group_named(std::string_view name, std::vector<TensorGroup>& groups) {
  const auto found = std::ranges::find(groups, name, &TensorGroup::name);
  if (found != groups.end()) return *found;
  return groups.emplace_back(TensorGroup{std::string(name)});
}

void add(TensorGroup& group, const Shape& shape, std::uint64_t bytes) {
  group.tensors += 1;
  group.parameters += static_cast<std::int64_t>(element_count(shape).value_or(0));
  group.bytes += bytes;
}

constexpr std::array<const char*, 6> kParts = {
    "embedding", "linear attention", "full attention", "feed-forward", "norms", "head"};

std::string_view part_of(std::string_view name) {
  if (name == "embed_tokens.weight") return "embedding";
  if (name == "lm_head.weight") return "head";
  if (name.find(".linear_attn.") != name.npos) return "linear attention";
  if (name.find(".self_attn.") != name.npos) return "full attention";
  return name.find(".mlp.") != name.npos ? "feed-forward" : "norms";
}

std::string_view foreign_group(std::string_view name) {
  if (name.find("visual.") != name.npos) return "vision tower";
  if (name.starts_with("mtp.") || name.find(".mtp.") != name.npos) return "MTP head";
  return "other";
}

StoredWeights stored_weights(const ModelFolder& folder) {
  StoredWeights stored{.files = folder.weights().shards().size()};
  for (const SafetensorsFile& shard : folder.weights().shards()) {
    for (const StoredTensor& tensor : shard.tensors()) {
      const bool ours = folder.ours(tensor.spec.name).has_value();
      TensorGroup& group = ours ? group_named(dtype_name(tensor.spec.dtype), stored.by_dtype)
                                : group_named(foreign_group(tensor.spec.name), stored.foreign);
      add(group, tensor.spec.shape, tensor.bytes.size());
    }
  }
  const auto larger_first = [](const TensorGroup& a, const TensorGroup& b) {
    return a.bytes > b.bytes;
  };
  std::ranges::stable_sort(stored.by_dtype, larger_first);
  std::ranges::stable_sort(stored.foreign, larger_first);
  return stored;
}

std::string layers_text(const ModelConfig& config) {
  std::vector<std::string> full;
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    if (config.layers[i] == LayerKind::kFullAttention) full.push_back(std::to_string(i));
  }
  if (!config.linear_attention) return fmt::format("{} of full attention", config.layers.size());
  std::string text =
      fmt::format("{}: {} of linear attention, {} of full attention", config.layers.size(),
                  config.layers.size() - full.size(), full.size());
  return full.empty() ? text : text + " (" + shorten(join(full, ", "), 48) + ")";
}

std::string rope_text(const ModelConfig& config) {
  std::string text = fmt::format("{} of {} dims rotate, theta {:g}", config.rope.rotary_dims,
                                 config.head_dim, config.rope.theta);
  if (config.rope.llama3)
    text +=
        fmt::format(", stretched {:g} times beyond {} tokens (llama3)", config.rope.llama3->factor,
                    grouped(config.rope.llama3->original_max_position_embeddings));
  return text;
}

/// Lines of "  name   value".
class Table {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("  {:<18}{}\n", name, value);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string architecture_text(const ModelConfig& config) {
  Table table;
  table.add("layers", layers_text(config));
  table.add("width", fmt::format("{}, feed-forward {}", grouped(config.hidden_size),
                                 grouped(config.intermediate_size)));
  table.add("attention", fmt::format("{} query and {} key-value heads of {}{}{}",
                                     config.attention_heads, config.key_value_heads,
                                     config.head_dim, config.has_qk_norm() ? ", normed" : "",
                                     config.has_output_gate() ? ", gated output" : ""));
  if (const auto& linear = config.linear_attention)
    table.add("linear attention",
              fmt::format("{} key heads of {}, {} value heads of {}, convolution over {}",
                          linear->key_heads, linear->key_head_dim, linear->value_heads,
                          linear->value_head_dim, linear->conv_kernel));
  table.add("rotary positions", rope_text(config));
  table.add("window", config.sliding_window ? grouped(*config.sliding_window) + " tokens" : "none");
  table.add("longest text", grouped(config.max_position_embeddings) + " tokens");
  table.add("vocabulary",
            fmt::format("{}, head {}", grouped(config.vocab_size),
                        config.tie_word_embeddings ? "tied to the embedding" : "of its own"));
  std::vector<std::string> ends;
  for (const std::int64_t id : config.eos_token_ids) ends.push_back(std::to_string(id));
  table.add("end tokens", ends.empty() ? "none" : join(ends, ", "));
  return table.text();
}

std::string group_line(const TensorGroup& group, std::int64_t whole) {
  std::string line = fmt::format("  {:<18}{:>16}", group.name, grouped(group.parameters));
  if (whole > 0)
    line += fmt::format("{:>8.1f} %",
                        100.0 * static_cast<double>(group.parameters) / static_cast<double>(whole));
  if (group.bytes > 0) {
    line += fmt::format(" in {} tensor{}, {}", group.tensors, group.tensors == 1 ? "" : "s",
                        human_bytes(static_cast<double>(group.bytes)));
  }
  return line + '\n';
}

std::string weights_text(const StoredWeights& weights) {
  std::string text =
      fmt::format("weights in {} file{}\n", weights.files, weights.files == 1 ? "" : "s");
  for (const TensorGroup& group : weights.by_dtype) text += group_line(group, 0);
  if (!weights.foreign.empty()) text += "carried along, not computed\n";
  for (const TensorGroup& group : weights.foreign) text += group_line(group, 0);
  return text;
}

Json groups_json(const std::vector<TensorGroup>& groups) {
  Json json = Json::object();
  for (const TensorGroup& group : groups) {
    json[group.name] = {
        {"tensors", group.tensors}, {"parameters", group.parameters}, {"bytes", group.bytes}};
  }
  return json;
}

}  // namespace

std::vector<std::string> shipped_architectures() {
  std::vector<std::string> names;
  for (const FolderEntry& entry : real_file_system().list(find_asset(kArchitectures))) {
    const fs::path file = entry.name;
    if (file.extension() == ".json") names.push_back(file.stem().string());
  }
  return names;
}

ModelSource find_model(const std::string& text) {
  std::error_code ignored;
  const fs::path path = text;
  if (fs::is_directory(path, ignored)) {
    const fs::path full = fs::weakly_canonical(path, ignored);
    return {path, full.filename().string(), holds_weights(path)};
  }
  if (fs::exists(path, ignored)) return {path, text};
  const std::string name = lower_case(text);
  const auto shipped = shipped_architectures();
  if (std::ranges::find(shipped, name) == shipped.end())
    throw Error(ErrorCode::kIo,
                fmt::format("{} is no folder, no config.json and no shipped architecture; these "
                            "are {}",
                            text, join(shipped, ", ")));
  return {find_asset(fs::path(kArchitectures) / (name + ".json")), name};
}

ModelReport inspect_model(const ModelSource& source) {
  ModelReport report{.source = source};
  if (source.has_weights) {
    const ModelFolder folder(source.path);
    report.config = folder.config();
    report.weights = stored_weights(folder);
  } else {
    report.config = read_model_config(source.path);
  }
  for (const char* part : kParts) report.parts.push_back({part});
  for (const ExpectedTensor& tensor : expected_tensors(report.config))
    add(group_named(part_of(tensor.name), report.parts), tensor.shape, 0);
  std::erase_if(report.parts, [](const TensorGroup& part) { return part.tensors == 0; });
  for (const TensorGroup& part : report.parts) report.parameters += part.parameters;
  return report;
}

std::string model_text(const ModelReport& report) {
  std::string text = fmt::format("{}: {}, {} parameters\n", report.source.name,
                                 family_of(report.config.architecture).model_types.back(),
                                 grouped(report.parameters));
  text += architecture_text(report.config) + "parameters\n";
  for (const TensorGroup& part : report.parts) text += group_line(part, report.parameters);
  return text + (report.weights ? weights_text(*report.weights) : "weights: none here\n");
}

Json model_json(const ModelReport& report) {
  Json json = {{"model", report.source.name},
               {"config", make_config_json(report.config)},
               {"parameters", report.parameters},
               {"parts", Json::object()},
               {"weights", nullptr}};
  for (const TensorGroup& part : report.parts) json["parts"][part.name] = part.parameters;
  if (report.weights) {
    json["weights"] = {{"files", report.weights->files},
                       {"stored", groups_json(report.weights->by_dtype)},
                       {"foreign", groups_json(report.weights->foreign)}};
  }
  return json;
}

}  // namespace polaris
