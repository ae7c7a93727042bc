#include <cstdlib>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/json.h"

// JSON lines from outside: what the library reads, but for what parse_json() refuses beyond it;
// anything else ends in one Error.
namespace {

using namespace polaris;

/// The text's value, absent where it has to be refused.
std::optional<Json> expected(std::string_view text) {
  bool is_refused = false;
  std::vector<std::set<std::string>> keys;  // of the objects around the current place
  const auto look = [&](int depth, Json::parse_event_t event, const Json& value) {
    const auto level = static_cast<std::size_t>(depth);
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      is_refused |= depth >= kMaxJsonDepth;
      keys.resize(level);
      keys.emplace_back();
    } else if (event == Json::parse_event_t::key) {
      is_refused |= !keys.at(level - 1).insert(value.get<std::string>()).second;
    }
    return true;
  };
  Json value = Json::parse(text, look, /*allow_exceptions=*/false);
  if (is_refused || value.is_discarded()) return std::nullopt;
  return value;
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::optional<Json> wanted = expected(text);
  try {
    const Json value = parse_json(text, "fuzz:1");
    // Equal values can be of two types (1 and 1.0), which are written differently.
    require(wanted && value == *wanted && dump_json(value) == dump_json(*wanted));
    require(parse_ordered_json(text, "fuzz:1").dump() == OrderedJson::parse(text).dump());
  } catch (const Error&) {
    require(!wanted);
  }
  return 0;
}
