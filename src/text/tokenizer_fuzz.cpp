// Input: <tokenizer.json> NUL <tokenizer_config.json> NUL <text>. Without a tokenizer.json the text
// goes through two small tokenizers of our own, and what comes back must be the text.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/pretokenizer.h"
#include "text/token_bytes.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace polaris {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

Json byte_level_json() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    const char value = static_cast<char>(byte);
    std::string name;
    append_stand_ins(name, {&value, 1});
    vocab[name] = byte;
  }
  vocab["th"] = 256;
  vocab["the"] = 257;
  vocab["aa"] = 258;
  vocab["aaaa"] = 259;
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", regex_of(SplitPattern::kQwen3_5)}}},
                      {"behavior", "Isolated"}};
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  return {
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"added_tokens", {{{"id", 260}, {"content", "<s>"}, {"special", true}}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"t h", "th e", "a a", "aa aa"}}}}};
}

Json metaspace_json() {
  Json vocab = {{"a", 256}, {"b", 257}, {"ab", 258}, {"\u2581", 259}, {"\u2581ab", 260}};
  for (unsigned byte = 0; byte < 256; ++byte) vocab[fallback_name(byte)] = byte;
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}};
  const Json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  const Json decoders = {replace, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, strip};
  return {{"pre_tokenizer",
           {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}}},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model", {{"vocab", vocab}, {"merges", {"a b", "\u2581 ab"}}, {"byte_fallback", true}}}};
}

void use(const Tokenizer& tokenizer, std::string_view text) {
  auto ids = tokenizer.encode(text);
  for (const TokenId id : ids) require(tokenizer.id_to_token(id).has_value());
  require(tokenizer.byte_ends(ids).size() == ids.size());
  const ByteRange all = {0, text.size()};
  tokenizer.encode(text, {&all, 1});
  tokenizer.encode_with_special(text);
  for (const char c : text) ids.push_back(c * 3);  // ids in any order, some of no token
  require(is_valid_utf8(tokenizer.decode(ids, /*skip_special=*/true)));
  StreamDecoder stream(tokenizer);
  std::string streamed;
  for (const TokenId id : ids) streamed += stream.push(id);
  require(is_valid_utf8(streamed + stream.flush()));
}

void check_round_trip(std::string_view text) {
  static const Tokenizer byte_level = Tokenizer::parse(byte_level_json().dump(), "byte level");
  static const Tokenizer metaspace = Tokenizer::parse(metaspace_json().dump(), "metaspace");
  use(byte_level, text);
  use(metaspace, text);
  require(byte_level.decode(byte_level.encode_plain(text)) == nfc(text));
  if (text.find("\u2581") != text.npos || text.starts_with(' ')) return;
  require(metaspace.decode(metaspace.encode_plain(text)) == to_valid_utf8(text));
}

}  // namespace
}  // namespace polaris

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace polaris;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t config_begin = std::min(input.find('\0'), size);
  const std::size_t text_begin = std::min(input.find('\0', config_begin + 1), size);
  const auto json = input.substr(0, config_begin);
  const auto config = input.substr(config_begin, text_begin - config_begin);
  const auto text = input.substr(text_begin);
  if (json.empty()) {
    check_round_trip(text);
    return 0;
  }
  try {
    use(config.size() <= 1 ? Tokenizer::parse(json, "fuzz")
                           : Tokenizer::parse(json, "fuzz", config.substr(1)),
        text);
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kInvalidData);
  }
  return 0;
}
