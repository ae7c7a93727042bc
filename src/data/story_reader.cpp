#include "data/story_reader.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

constexpr std::size_t kMaxLine = std::size_t{16} << 20;  // bytes; two hundred long stories

struct Packing {
  std::string_view extension;
  std::string_view unpack;
};
constexpr std::array<Packing, 5> kPackings = {{{".gz", "gunzip -k"},
                                               {".bz2", "bunzip2 -k"},
                                               {".xz", "unxz -k"},
                                               {".zst", "unzstd"},
                                               {".zip", "unzip"}}};

/// Returns the path, or says how to make JSON lines of the file.
std::filesystem::path json_lines_only(std::filesystem::path path) {
  const std::string name = path.string();
  for (const Packing& packing : kPackings) {
    if (path.extension() == packing.extension)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{0}: the file is compressed; unpack it first: {1} {0}", name,
                              packing.unpack));
  }
  for (const char* table : {".parquet", ".arrow", ".csv"}) {
    if (path.extension() == table)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{}: the file is a table; export it as JSON lines (.jsonl)", name));
  }
  return path;
}

}  // namespace

StoryReader::StoryReader(std::filesystem::path path, StoryRules rules)
    : path_(json_lines_only(std::move(path))),
      rules_(rules),
      lines_(path_, LastLine::kMustBeWhole, kMaxLine) {}

std::optional<StoryRecord> StoryReader::next() {
  const auto json = lines_.next_ordered();
  if (!json) return std::nullopt;
  StoryRecord record = parse_story_record(*json, path_.string(), lines_.line_number());
  const auto refused = [&](const std::string& reason) {
    return Error(ErrorCode::kInvalidData, fmt::format("{}: {}", place(), reason));
  };
  const auto [same, is_new] = line_of_id_.emplace(record.name(), record.line);
  if (!is_new)
    throw refused(fmt::format("the id \"{}\" stands in line {} already; ids must differ",
                              shorten(record.name(), 80), same->second));
  if (rules_.needs_reasoning && record.story && !record.reasoning)
    throw refused(
        "the record has a reference story but no \"ground_truth_reasoning\"; add it, or set "
        "model.thinking = false or hri.enabled = false");
  return record;
}

}  // namespace polaris
