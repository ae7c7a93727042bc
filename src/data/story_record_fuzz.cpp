#include <cstdlib>

#include "base/error.h"
#include "data/story_record.h"

// One line of a data file: a record that keeps its promises, or one Error.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace polaris;
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  try {
    const StoryRecord record =
        parse_story_record(parse_ordered_json(line, "fuzz:1"), "fuzz", /*line=*/1);
    require(!record.name().empty());
    require(!record.messages.empty());
    require(!record.prompt.empty());
    const std::int64_t words = record.target_word_count.value_or(1);
    require(words >= 1 && words <= kMaxTargetWords);
    for (const auto& text : {record.story, record.reasoning})
      require(!text || (!text->empty() && text->find("</think>") == std::string::npos));
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kInvalidData);
  }
  return 0;
}
