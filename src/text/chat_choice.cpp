#include "text/chat_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;
using Kind = ChatTemplateKind;
using How = ChatTemplateChoice::How;

struct KnownTemplate {
  std::string_view sha256;
  ChatTemplate chat;
  std::string_view what;
};

// The first two are published (specs/qwen3_5.md 5); the others are the forms that our own goldens
// of the other families carry.
constexpr std::array<KnownTemplate, 7> kKnown = {{
    {"a4aee8afcf2e0711942cf848899be66016f8d14a889ff9ede07bca099c28f715",
     {Kind::kQwen3_5, true},
     "Qwen3.5 4B, 9B, 27B"},
    {"273d8e0e683b885071fb17e08d71e5f2a5ddfb5309756181681de4f5a1822d80",
     {Kind::kQwen3_5, false},
     "Qwen3.5 0.8B, 2B"},
    {"4a2cc1b0d0c14930effb3402b1183516cdd82c14975cea1e1024d0cb32149001",
     {Kind::kLlama3},
     "Llama 3"},
    {"d97dcc62487223abef29f806a2d6b4c2101e182a53f708289436373b22948b34",
     {Kind::kLlama3_1},
     "Llama 3.1"},
    {"0b46fdb3aae7f004f85d9eace3711844154f7bfed269757dd763296d32f909a2",
     {Kind::kMistralV3},
     "Mistral V3"},
    {"88eb85184a65a7bc96cc42131bc56ce7be8c8d8ec0ce5df1f9a15c2eb0b3e5e9",
     {Kind::kMistralV3Tekken},
     "Mistral V3-tekken"},
    {"089d2c4ae10fdcbc074da7f599f732577a00da17a97918f447a03354608a50f7",
     {Kind::kMistralV7Tekken},
     "Mistral V7-tekken"},
}};

constexpr std::size_t kMaxTemplateBytes = 1U << 20;

const KnownTemplate* find_known(std::string_view sha256) {
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const auto& known) { return known.sha256 == sha256; });
  return found == kKnown.end() ? nullptr : &*found;
}

std::optional<Kind> kind_by_tokenizer(const ChatTemplateEvidence& evidence) {
  const std::string& pattern = evidence.tokenizer_pattern;
  if (pattern == "qwen3.5") return Kind::kQwen3_5;
  if (pattern == "qwen2") return Kind::kChatml;
  if (pattern == "llama-3") return Kind::kLlama3;
  if (pattern == "metaspace") return Kind::kMistralV3;
  if (pattern == "tekken")
    return evidence.has_system_prompt_token ? Kind::kMistralV7Tekken : Kind::kMistralV3Tekken;
  return std::nullopt;
}

std::optional<Kind> kind_by_model_type(const ChatTemplateEvidence& evidence) {
  const std::string type = evidence.model_type.value_or("");
  if (type == "qwen3_5" || type == "qwen3_5_text") return Kind::kQwen3_5;
  if (type == "qwen3") return Kind::kChatml;
  if (type == "llama") return Kind::kLlama3;
  if (type == "mistral") {
    // Some uploads with a tekken vocabulary carry the Llama-3 pattern.
    if (evidence.tokenizer_pattern == "llama-3")
      return evidence.has_system_prompt_token ? Kind::kMistralV7Tekken : Kind::kMistralV3Tekken;
    return kind_by_tokenizer(evidence).value_or(Kind::kMistralV3);
  }
  return std::nullopt;
}

std::optional<std::string> read_text(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  std::string text(kMaxTemplateBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxTemplateBytes)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{} is larger than {} bytes: not a chat template", path.string(),
                            kMaxTemplateBytes));
  return text;
}

/// `chat_template` is a string, or a list of {"name", "template"}.
std::optional<std::string> template_in(const Json& config) {
  if (!config.is_object()) return std::nullopt;
  const auto found = config.find("chat_template");
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return std::nullopt;
  for (const Json& entry : *found) {
    if (!entry.is_object() || entry.value("name", Json()) != "default") continue;
    const auto text = entry.find("template");
    if (text != entry.end() && text->is_string()) return text->get<std::string>();
  }
  return std::nullopt;
}

std::optional<Json> read_json_if_there(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  return read_json_file(path);
}

ChatTemplateChoice named(std::string_view configured, const ChatTemplateEvidence& evidence) {
  const auto kind = chat_template_named(configured);
  if (!kind)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("model.chat_template is \"{}\"; it must be auto or one of {}",
                            configured, chat_template_names()));
  ChatTemplate chat{*kind};
  if (evidence.template_text) {
    // Of the two published Qwen3.5 templates the model's own still says what its default is.
    const KnownTemplate* own = find_known(sha256_hex(*evidence.template_text));
    if (own != nullptr && own->chat.kind == *kind) chat = own->chat;
  }
  return {chat, How::kNamed, fmt::format("chat template {}, as configured", configured)};
}

}  // namespace

ChatTemplateEvidence read_chat_evidence(const fs::path& folder, const Tokenizer& tokenizer) {
  ChatTemplateEvidence evidence;
  evidence.template_text = read_text(folder / "chat_template.jinja");
  if (!evidence.template_text) {
    const auto config = read_json_if_there(folder / "tokenizer_config.json");
    if (config) evidence.template_text = template_in(*config);
  }
  if (const auto config = read_json_if_there(folder / "config.json");
      config && config->is_object()) {
    const auto type = config->find("model_type");
    if (type != config->end() && type->is_string()) evidence.model_type = type->get<std::string>();
  }
  evidence.tokenizer_pattern = tokenizer.pattern_name();
  evidence.has_system_prompt_token = tokenizer.token_to_id("[SYSTEM_PROMPT]").has_value();
  return evidence;
}

ChatTemplateChoice choose_chat_template(const ChatTemplateEvidence& evidence,
                                        std::string_view configured, std::string_view where) {
  if (configured != "auto") return named(configured, evidence);
  if (evidence.template_text) {
    const std::string sha256 = sha256_hex(*evidence.template_text);
    const KnownTemplate* known = find_known(sha256);
    if (known == nullptr)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{}: the model's chat template (sha256 {}) is not one that is built "
                              "in; set model.chat_template to the one it agrees with: {}",
                              where, sha256, chat_template_names()));
    return {known->chat, How::kKnownTemplate,
            fmt::format("chat template {}: the model's own ({})", name_of(known->chat.kind),
                        known->what)};
  }
  if (const auto kind = kind_by_model_type(evidence))
    return {{*kind},
            How::kByModelType,
            fmt::format("the model has no chat template: {} by its model_type \"{}\"",
                        name_of(*kind), *evidence.model_type)};
  const auto kind = evidence.model_type ? std::nullopt : kind_by_tokenizer(evidence);
  if (!kind)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("{}: no chat template, and nothing that tells its family; set "
                            "model.chat_template to one of {}",
                            where, chat_template_names()));
  return {{*kind},
          How::kByTokenizer,
          fmt::format("the model has no chat template: {} by its tokenizer ({})", name_of(*kind),
                      evidence.tokenizer_pattern)};
}

ChatTemplateChoice choose_chat_template(const fs::path& folder, const Tokenizer& tokenizer,
                                        std::string_view configured) {
  return choose_chat_template(read_chat_evidence(folder, tokenizer), configured, folder.string());
}

}  // namespace polaris
