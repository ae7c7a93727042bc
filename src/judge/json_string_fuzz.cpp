#include <cstdlib>

#include "base/json.h"
#include "judge/json_string.h"

// Any bytes as a text are written as the library writes them; any bytes as JSON are read as the
// library reads them, or not at all.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace polaris;
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string written = json_string(bytes);
  require(written == dump_json(bytes));

  const auto check_reading = [&](std::string_view json) {
    const auto text = text_of_json_string(json);
    if (!text) return;
    const Json value = Json::parse(json, nullptr, /*allow_exceptions=*/false);
    require(value.is_string() && value.get_ref<const std::string&>() == *text);
  };
  check_reading(bytes);
  check_reading(written);
  // Mutations seldom keep both quotation marks.
  check_reading('"' + std::string(bytes) + '"');
  return 0;
}
