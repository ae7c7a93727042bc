#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/event_stream.h"

// Any bytes in any pieces: the same events as in one piece, or the same refusal.
namespace {

using namespace polaris;

struct Outcome {
  std::vector<std::string> events;
  bool is_refused = false;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view bytes, std::size_t piece) {
  EventStream stream(1000);
  Outcome outcome;
  try {
    while (!bytes.empty()) {
      stream.feed(bytes.substr(0, piece),
                  [&](std::string_view data) { outcome.events.emplace_back(data); });
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  } catch (const Error&) {
    outcome.is_refused = true;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16U + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (!(read(bytes, piece) == read(bytes, size))) std::abort();
  return 0;
}
