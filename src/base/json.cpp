#include "base/json.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "base/strings.h"

namespace polaris {
namespace {

/// "line 3, column 7", counted in bytes from 1; the line only where there are several: a line of
/// JSONL has another number, which `where` tells.
std::string place_in(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size() + 1) - 1);
  const auto column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  if (text.find('\n') == std::string_view::npos) return fmt::format("column {}", column);
  return fmt::format("line {}, column {}", 1 + std::count(before.begin(), before.end(), '\n'),
                     column);
}

/// "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ..." without its
/// head, with our own place (the library's is wrong after a number) and bounded: it quotes the
/// token it stopped in, which may be as long as the file.
std::string reason_of(const Json::exception& e, std::string_view text) {
  constexpr std::size_t kMaxCharacters = 300;
  std::string reason = e.what();
  reason.erase(0, reason.find("] ") + 2);
  const auto* syntax = dynamic_cast<const Json::parse_error*>(&e);
  if (syntax == nullptr || syntax->byte == 0) return ": " + shorten(reason, kMaxCharacters);
  reason.erase(0, reason.find(": ") + 2);
  return fmt::format(" at {}: {}", place_in(text, syntax->byte), shorten(reason, kMaxCharacters));
}

/// Builds a value from the parser's events, and refuses what parse_json() refuses.
template <class AnyJson>
class Builder {
 public:
  Builder(std::string_view text, std::string_view where, std::size_t max_keys)
      : text_(text), where_(where), max_keys_(max_keys) {}

  AnyJson result() && { return std::move(root_); }

  // What the parser calls.
  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(std::int64_t value) { return put(value); }
  bool number_unsigned(std::uint64_t value) { return put(value); }
  bool number_float(double value, const std::string& /*digits*/) { return put(value); }
  bool string(const std::string& value) { return put(value); }  // the parser's buffer, used again
  bool binary(typename AnyJson::binary_t& /*value*/) { return false; }  // not in a text
  bool start_object(std::size_t /*size*/) { return open(AnyJson::object()); }
  bool start_array(std::size_t /*size*/) { return open(AnyJson::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    auto& members = open_.back()->template get_ref<typename AnyJson::object_t&>();
    const auto [place, is_new] = members.emplace(name, nullptr);
    if (!is_new)
      refuse(fmt::format("the key {} stands twice in one object", shorten(dump_json(name), 100)));
    if (members.size() > max_keys_)
      refuse(fmt::format("an object with more than {} keys", max_keys_));
    member_ = &place->second;
    return true;
  }

  bool parse_error(std::size_t /*byte*/, const std::string& /*token*/, const Json::exception& e) {
    refuse(fmt::format("not JSON{}", reason_of(e, text_)));
    return false;
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: {}", where_, reason));
  }

  template <class Value>
  bool put(Value&& value) {
    if (open_.empty()) {
      root_ = std::forward<Value>(value);
      last_ = &root_;
    } else if (open_.back()->is_array()) {
      auto& elements = open_.back()->template get_ref<typename AnyJson::array_t&>();
      last_ = &elements.emplace_back(std::forward<Value>(value));
    } else {
      *member_ = std::forward<Value>(value);
      last_ = member_;
    }
    return true;
  }

  bool open(AnyJson empty) {
    if (open_.size() >= static_cast<std::size_t>(kMaxJsonDepth))
      refuse(fmt::format("nested deeper than {} levels", kMaxJsonDepth));
    put(std::move(empty));
    open_.push_back(last_);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string_view text_;
  const std::string_view where_;
  const std::size_t max_keys_;
  AnyJson root_;
  std::vector<AnyJson*> open_;  // objects and arrays around the next value, outermost first
  AnyJson* member_ = nullptr;   // of the innermost object: where its next value goes
  AnyJson* last_ = nullptr;     // the value that was put last
};

template <class AnyJson>
AnyJson parse(std::string_view text, std::string_view where, std::size_t max_keys) {
  Builder<AnyJson> builder(text, where, max_keys);
  AnyJson::sax_parse(text.begin(), text.end(), &builder);
  return std::move(builder).result();
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where) {
  return parse<Json>(text, where, /*max_keys=*/text.size());
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view where) {
  constexpr std::size_t kMaxKeys = 10'000;  // the ordered map looks keys up one by one
  return parse<OrderedJson>(text, where, kMaxKeys);
}

Json read_json_file(const std::filesystem::path& path, std::uintmax_t max_bytes) {
  return parse_json(real_file_system().read(path, max_bytes), path.string());
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace polaris
