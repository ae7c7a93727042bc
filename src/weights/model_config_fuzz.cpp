// libFuzzer: any text as a config.json. Seeds: tests/fuzz/model_config.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "weights/expected_tensors.h"
#include "weights/model_config.h"

namespace polaris {
namespace {

void read_and_write_back(std::string_view text) {
  const Json json = parse_json(text, "fuzz");
  ModelConfig config = parse_model_config(json, "fuzz");
  POLARIS_CHECK(parse_model_config(make_config_json(config), "made") == config);
  POLARIS_CHECK(parameter_count(config) > 0);
  for (const ExpectedTensor& tensor : expected_tensors(config))
    POLARIS_CHECK(element_count(tensor.shape).value_or(0) > 0);
  add_generation_config(config, json, "fuzz");
}

}  // namespace
}  // namespace polaris

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    polaris::read_and_write_back({reinterpret_cast<const char*>(data), size});
  } catch (const polaris::Error& e) {
    if (e.code() != polaris::ErrorCode::kInvalidData) throw;
  }
  return 0;
}
