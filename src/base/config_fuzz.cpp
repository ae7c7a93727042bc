#include "base/config.h"
#include "base/error.h"

// TOML from outside: read, or refused with one Error.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    polaris::ConfigSource source = polaris::ConfigSource::from_text(text, "fuzz");
    source.set(text);
  } catch (const polaris::Error&) {
    // what bad input must end in
  }
  return 0;
}
