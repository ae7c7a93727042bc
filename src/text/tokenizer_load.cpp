#include <algorithm>
#include <map>
#include <system_error>

#include "base/file_system.h"
#include "text/byte_alphabet.h"
#include "text/json_place.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_impl.h"

namespace polaris {
namespace {

AddedToken read_added_token(const JsonPlace& entry, std::size_t id) {
  AddedToken token = {.id = static_cast<TokenId>(id), .content = entry.at("content").text()};
  token.special = entry.flag("special", false);
  token.single_word = entry.flag("single_word", false);
  token.lstrip = entry.flag("lstrip", false);
  token.rstrip = entry.flag("rstrip", false);
  token.normalized = entry.flag("normalized", !token.special);
  if (token.content.empty()) throw entry.error("an added token must not be empty");
  return token;
}

/// The number that a key of added_tokens_decoder stands for.
std::size_t id_of_key(const std::string& key, const JsonPlace& entry, std::size_t id_limit) {
  const bool digits =
      !key.empty() && key.size() < 10 &&
      std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || std::stoul(key) >= id_limit)
    throw entry.error(fmt::format("the id must be a number below {}", id_limit));
  return std::stoul(key);
}

/// Added tokens by id, each with its place in the vocabulary.
class AddedTokens {
 public:
  explicit AddedTokens(Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  void add(AddedToken token, const JsonPlace& entry) {
    const auto text = vocabulary_.text_of(token.id);
    const auto id = vocabulary_.find(token.content);
    if ((text && *text != token.content) || (id && *id != token.id)) {
      throw entry.error(fmt::format("the added token \"{}\" has the id {}, but {}", token.content,
                                    token.id,
                                    text ? fmt::format("that id belongs to \"{}\"", *text)
                                         : fmt::format("that text has the id {}", *id)));
    }
    if (!id) vocabulary_.add(token.content, token.id);
    tokens_[token.id] = std::move(token);
  }

  std::vector<AddedToken> list() const {
    std::vector<AddedToken> result;
    for (const auto& [id, token] : tokens_) result.push_back(token);
    return result;
  }

 private:
  Vocabulary& vocabulary_;
  std::map<TokenId, AddedToken> tokens_;
};

/// The token that tokenizer_config.json names under `key`: a string, or an object with `content`.
std::optional<TokenId> named_token(const JsonPlace& config, const char* key,
                                   const Vocabulary& vocabulary) {
  if (!config.has(key)) return std::nullopt;
  const JsonPlace value = config.at(key);
  const std::string& text = value.is_object() ? value.at("content").text() : value.text();
  const auto id = vocabulary.find(text);
  if (!id) throw value.error(fmt::format("\"{}\" is no token of this tokenizer", text));
  return id;
}

std::array<TokenId, 256> find_byte_tokens(const Vocabulary& vocabulary, bool byte_level,
                                          const JsonPlace& document) {
  std::array<TokenId, 256> tokens{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string name;
    if (byte_level) {
      const char value = static_cast<char>(byte);
      append_stand_ins(name, {&value, 1});
    } else {
      name = fallback_name(byte);
    }
    const auto id = vocabulary.find(name);
    if (!id) {
      throw document.error(
          fmt::format("model.vocab has no token \"{}\" for the byte 0x{:02X}", name, byte));
    }
    tokens[byte] = *id;
  }
  return tokens;
}

AddedTokenFinder finder_of(const std::vector<AddedToken>& tokens, bool normalized,
                           const Pipeline& pipeline) {
  std::vector<AddedToken> chosen;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(chosen),
               [&](const AddedToken& token) { return token.normalized == normalized; });
  return AddedTokenFinder(chosen, [&](const AddedToken& token) {
    return normalized ? normalise(pipeline, token.content) : token.content;
  });
}

/// True if no text but those of added tokens has a U+2581 behind another character.
bool no_token_crosses_words(const Vocabulary& vocabulary, const std::vector<bool>& is_added) {
  constexpr std::string_view kSpaceMark = "\u2581";
  for (std::size_t id = 0; id < vocabulary.id_limit(); ++id) {
    auto text = vocabulary.text_of(static_cast<TokenId>(id)).value_or("");
    while (text.starts_with(kSpaceMark)) text.remove_prefix(kSpaceMark.size());
    if (!is_added[id] && text.find(kSpaceMark) != text.npos) return false;
  }
  return true;
}

/// Checks what read_pipeline() could not know.
void check_template(const std::vector<TokenId>& ids, const Vocabulary& vocabulary,
                    const JsonPlace& document) {
  for (const TokenId id : ids) {
    if (!vocabulary.text_of(id))
      throw document.error(fmt::format("post_processor: the id {} is no token", id));
  }
}

}  // namespace

std::unique_ptr<Tokenizer::Impl> Tokenizer::Impl::make(TokenizerFile file,
                                                       const JsonPlace& document,
                                                       const std::optional<JsonPlace>& config) {
  auto impl = std::make_unique<Impl>();
  impl->pipeline = read_pipeline(document, file.id_limit);
  const bool byte_level = impl->pipeline.split.has_value();
  impl->byte_tokens = find_byte_tokens(file.vocabulary, byte_level, document);

  AddedTokens added(file.vocabulary);
  if (document.has("added_tokens")) {
    for (const auto& entry : document.at("added_tokens").elements())
      added.add(read_added_token(entry, entry.at("id").index_below(file.id_limit)), entry);
  }
  if (config && config->has("added_tokens_decoder")) {
    for (const auto& [key, entry] : config->at("added_tokens_decoder").members())
      added.add(read_added_token(entry, id_of_key(key, entry, file.id_limit)), entry);
  }
  const auto tokens = added.list();
  impl->raw_added = finder_of(tokens, /*normalized=*/false, impl->pipeline);
  impl->normalized_added = finder_of(tokens, /*normalized=*/true, impl->pipeline);
  impl->is_added.resize(file.vocabulary.id_limit());
  impl->is_special.resize(file.vocabulary.id_limit());
  for (const auto& token : tokens) {
    impl->is_added[static_cast<std::size_t>(token.id)] = true;
    impl->is_special[static_cast<std::size_t>(token.id)] = token.special;
  }
  check_template(impl->pipeline.prefix, file.vocabulary, document);
  check_template(impl->pipeline.suffix, file.vocabulary, document);
  if (config) {
    impl->bos = named_token(*config, "bos_token", file.vocabulary);
    impl->eos = named_token(*config, "eos_token", file.vocabulary);
    impl->pad = named_token(*config, "pad_token", file.vocabulary);
  }
  impl->words_are_apart = no_token_crosses_words(file.vocabulary, impl->is_added);
  impl->bytes = byte_level ? TokenBytes::of_byte_level(file.vocabulary)
                           : TokenBytes::of_metaspace(file.vocabulary);
  impl->merges = std::move(file.merges);
  impl->vocabulary = std::move(file.vocabulary);
  return impl;
}

Tokenizer Tokenizer::parse(std::string_view tokenizer_json, std::string_view where,
                           std::optional<std::string_view> config) {
  TokenizerFile file = read_tokenizer_file(tokenizer_json, where);
  const Json rest = std::move(file.rest);
  const JsonPlace document(rest, std::string(where));
  if (!config) return Tokenizer(Impl::make(std::move(file), document, std::nullopt));
  const std::string config_name = fmt::format("{} (its tokenizer_config.json)", where);
  const Json config_json = parse_json(*config, config_name);
  return Tokenizer(Impl::make(std::move(file), document, JsonPlace(config_json, config_name)));
}

Tokenizer Tokenizer::load(const std::filesystem::path& folder_or_file) {
  std::error_code ignored;  // what cannot be looked at cannot be read either: that error tells
  const auto path = std::filesystem::is_directory(folder_or_file, ignored)
                        ? folder_or_file / "tokenizer.json"
                        : folder_or_file;
  TokenizerFile file = read_tokenizer_file(real_file_system().read(path), path.string());
  const Json rest = std::move(file.rest);
  const JsonPlace document(rest, path.string());
  const auto config_path = folder_of(path) / "tokenizer_config.json";
  if (!std::filesystem::exists(config_path, ignored))
    return Tokenizer(Impl::make(std::move(file), document, std::nullopt));
  const Json config = read_json_file(config_path);
  auto impl = Impl::make(std::move(file), document, JsonPlace(config, config_path.string()));
  impl->config_path = config_path;
  return Tokenizer(std::move(impl));
}

}  // namespace polaris
