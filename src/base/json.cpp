#include "base/json.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string>
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

/// The keys of one object so far. Nearly all objects are small, and a list is then faster.
class KeysSeen {
 public:
  /// @return whether it is new
  bool insert(const std::string& key) {
    if (many_.empty()) {
      if (std::ranges::find(few_, key) != few_.end()) return false;
      few_.push_back(key);
      if (few_.size() > kFew) many_.insert(few_.begin(), few_.end());
      return true;
    }
    return many_.insert(key).second;
  }
  std::size_t size() const { return many_.empty() ? few_.size() : many_.size(); }

 private:
  static constexpr std::size_t kFew = 24;
  std::vector<std::string> few_;
  std::set<std::string> many_;  // all of them, once they are many
};

template <class AnyJson>
AnyJson parse(std::string_view text, std::string_view where, std::size_t max_keys) {
  std::vector<KeysSeen> keys;  // of the objects that are open now
  const auto refuse = [&](const std::string& reason) {
    return Error(ErrorCode::kInvalidData, fmt::format("{}: {}", where, reason));
  };
  const auto check = [&](int depth, typename AnyJson::parse_event_t event, AnyJson& value) {
    switch (event) {
      case AnyJson::parse_event_t::object_start:
        keys.emplace_back();
        [[fallthrough]];
      case AnyJson::parse_event_t::array_start:
        if (depth >= kMaxJsonDepth)
          throw refuse(fmt::format("nested deeper than {} levels", kMaxJsonDepth));
        break;
      case AnyJson::parse_event_t::object_end:
        keys.pop_back();
        break;
      case AnyJson::parse_event_t::key:
        if (!keys.back().insert(value.template get_ref<const std::string&>()))
          throw refuse(
              fmt::format("the key {} stands twice in one object", shorten(dump_json(value), 100)));
        if (keys.back().size() > max_keys)
          throw refuse(fmt::format("an object with more than {} keys", max_keys));
        break;
      default:
        break;
    }
    return true;
  };
  try {
    return AnyJson::parse(text.begin(), text.end(), check);
  } catch (const Json::exception& e) {
    throw refuse(fmt::format("not JSON{}", reason_of(e, text)));
  }
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
