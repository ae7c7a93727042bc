#include "weights/safetensors.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "weights/error_text.h"

namespace polaris {
namespace {

constexpr std::uint64_t kLengthBytes = 8;

/// A tensor as the header describes it: bytes [begin, end) of the data part.
struct HeaderEntry {
  TensorSpec spec;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

/// One read of one file; knows its name for the errors.
class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> file, std::string_view where)
      : file_(file), where_(where) {}

  SafetensorsContent read() const {
    const std::uint64_t header_bytes = header_length();
    const auto header = file_.subspan(kLengthBytes, header_bytes);
    const auto data = file_.subspan(kLengthBytes + header_bytes);
    const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
    if (!text.starts_with('{')) throw error("the header is not a JSON object");

    SafetensorsContent content;
    std::vector<HeaderEntry> entries;
    const Json json = parse_json(text, fmt::format("{}: header", where_));
    for (const auto& [name, value] : json.items()) {
      if (name == "__metadata__") {
        content.metadata = metadata(value);
      } else {
        entries.push_back(entry(name, value, data.size()));
      }
    }
    std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
      return std::tie(a.begin, a.end, a.spec.name) < std::tie(b.begin, b.end, b.spec.name);
    });
    check_tiling(entries, data.size());
    content.tensors.reserve(entries.size());
    for (HeaderEntry& e : entries)
      content.tensors.push_back({std::move(e.spec), data.subspan(e.begin, e.end - e.begin)});
    return content;
  }

 private:
  Error error(std::string_view reason) const {
    return {ErrorCode::kInvalidData, fmt::format("{}: {}", where_, reason)};
  }

  Error error(const std::string& tensor, std::string_view reason) const {
    return error(fmt::format("tensor {}: {}", shown(tensor), reason));
  }

  std::uint64_t header_length() const {
    if (file_.size() < kLengthBytes) {
      throw error(fmt::format(
          "the file has {} bytes, too few for a safetensors file; is it cut off?", file_.size()));
    }
    const std::uint64_t length = little_endian(file_.first(kLengthBytes));
    if (length > file_.size() - kLengthBytes) {
      throw error(
          fmt::format("the header should have {} bytes, the file has {}; it is cut off or not a "
                      "safetensors file",
                      length, file_.size()));
    }
    if (length > kMaxSafetensorsHeader) {
      throw error(fmt::format("the header has {} bytes; more than {} is refused", length,
                              kMaxSafetensorsHeader));
    }
    return length;
  }

  SafetensorsMetadata metadata(const Json& value) const {
    if (!value.is_object()) throw error("__metadata__ is not an object");
    SafetensorsMetadata result;
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string())
        throw error(fmt::format("__metadata__ key {} is not a string", shown(key)));
      result[key] = text.get<std::string>();
    }
    return result;
  }

  HeaderEntry entry(const std::string& name, const Json& value, std::uint64_t data_bytes) const {
    if (!value.is_object()) throw error(name, "its header entry is not an object");
    HeaderEntry result;
    result.spec.name = name;
    result.spec.dtype = dtype(name, member(name, value, "dtype"));
    for (const std::uint64_t dim : numbers(name, value, "shape")) {
      if (dim > std::numeric_limits<std::int64_t>::max())
        throw error(name, fmt::format("the dimension {} is too large", dim));
      result.spec.shape.push_back(static_cast<std::int64_t>(dim));
    }
    const auto offsets = numbers(name, value, "data_offsets");
    if (offsets.size() != 2)
      throw error(name, fmt::format("data_offsets has {} numbers instead of 2", offsets.size()));
    result.begin = offsets[0];
    result.end = offsets[1];
    if (result.begin > result.end || result.end > data_bytes) {
      throw error(name,
                  fmt::format("data_offsets [{}, {}] leave the {} bytes of data; is the file cut "
                              "off?",
                              result.begin, result.end, data_bytes));
    }
    const auto expected = byte_size(result.spec);
    if (!expected) {
      throw error(name, fmt::format("no file can hold {} of shape {}",
                                    dtype_name(result.spec.dtype), shape_text(result.spec.shape)));
    }
    if (result.end - result.begin != *expected) {
      throw error(
          name, fmt::format("{} of shape {} takes {} bytes, data_offsets [{}, {}] hold {}",
                            dtype_name(result.spec.dtype), shape_text(result.spec.shape), *expected,
                            result.begin, result.end, result.end - result.begin));
    }
    return result;
  }

  const Json& member(const std::string& name, const Json& value, const char* key) const {
    const auto found = value.find(key);
    if (found == value.end()) throw error(name, fmt::format("'{}' is missing", key));
    return *found;
  }

  Dtype dtype(const std::string& name, const Json& value) const {
    if (!value.is_string()) throw error(name, "'dtype' is not a string");
    const auto known = dtype_from_name(value.get_ref<const std::string&>());
    if (!known) throw error(name, fmt::format("unknown dtype {}", shown(value)));
    return *known;
  }

  std::vector<std::uint64_t> numbers(const std::string& name, const Json& value,
                                     const char* key) const {
    const Json& list = member(name, value, key);
    if (!list.is_array()) throw error(name, fmt::format("'{}' is not a list", key));
    std::vector<std::uint64_t> result;
    result.reserve(list.size());
    for (const Json& number : list) {
      if (!number.is_number_unsigned()) {
        throw error(name,
                    fmt::format("{} in '{}' is not a whole number from 0 on", shown(number), key));
      }
      result.push_back(number.get<std::uint64_t>());
    }
    return result;
  }

  /// Every byte of data belongs to exactly one tensor.
  void check_tiling(const std::vector<HeaderEntry>& entries, std::uint64_t data_bytes) const {
    std::uint64_t covered = 0;
    const std::string* previous = nullptr;
    for (const HeaderEntry& e : entries) {
      if (e.begin < covered) {
        throw error(e.spec.name, fmt::format("its bytes [{}, {}] overlap those of tensor {}",
                                             e.begin, e.end, shown(*previous)));
      }
      if (e.begin > covered)
        throw error(e.spec.name,
                    fmt::format("{} bytes before it belong to no tensor", e.begin - covered));
      covered = e.end;
      previous = &e.spec.name;
    }
    if (covered != data_bytes) {
      throw error(
          fmt::format("{} bytes after the last tensor belong to none", data_bytes - covered));
    }
  }

  std::span<const std::byte> file_;
  std::string_view where_;
};

}  // namespace

SafetensorsContent parse_safetensors(std::span<const std::byte> file, std::string_view where) {
  return HeaderReader(file, where).read();
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path), content_(parse_safetensors(file_.bytes(), path.string())) {}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found =
      std::find_if(tensors().begin(), tensors().end(),
                   [&](const StoredTensor& tensor) { return tensor.spec.name == name; });
  return found == tensors().end() ? nullptr : &*found;
}

}  // namespace polaris
