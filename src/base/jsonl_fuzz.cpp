#include "base/error.h"
#include "base/json.h"

// JSON lines from outside: read, or refused with one Error.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const polaris::Json value = polaris::parse_json(text, "fuzz:1");
    (void)polaris::dump_json(value);
  } catch (const polaris::Error&) {
    // what bad input must end in
  }
  return 0;
}
