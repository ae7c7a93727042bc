#include "base/jsonl.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace polaris {
namespace {

constexpr std::size_t kBlock = 1 << 16;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Error cannot_read(const std::filesystem::path& path, int reason) {
  return {ErrorCode::kIo, fmt::format("cannot read {}: {}", path.string(),
                                      std::generic_category().message(reason))};
}

std::string read_range(const std::filesystem::path& path, std::uint64_t begin, std::uint64_t end) {
  std::string bytes(end - begin, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(begin));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw cannot_read(path, EIO);
  return bytes;
}

/// The position behind the last newline among the first `size` bytes; 0 if there is none.
std::uint64_t end_of_whole_lines(const std::filesystem::path& path, std::uint64_t size) {
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, kBlock);
    const auto newline = read_range(path, begin, end).rfind('\n');
    if (newline != std::string::npos) return begin + newline + 1;
    end = begin;
  }
  return 0;
}

bool is_json(std::string_view text) {
  try {
    return parse_json(text, "").is_structured();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

JsonlReader::JsonlReader(std::filesystem::path path, LastLine last_line, std::size_t max_line_bytes,
                         std::uint64_t start)
    : path_(std::move(path)),
      last_line_(last_line),
      max_line_bytes_(max_line_bytes),
      offset_(start) {
  file_.reset(std::fopen(path_.c_str(), "rb"));
  if (!file_) throw cannot_read(path_, errno);
  if (start != 0 && ::fseeko(file_.get(), static_cast<off_t>(start), SEEK_SET) != 0)
    throw cannot_read(path_, errno);
}

std::optional<Json> JsonlReader::next() { return next_value(parse_json); }

std::optional<OrderedJson> JsonlReader::next_ordered() { return next_value(parse_ordered_json); }

template <class AnyJson>
std::optional<AnyJson> JsonlReader::next_value(AnyJson (*parse)(std::string_view,
                                                                std::string_view)) {
  while (auto line = next_line()) {
    if (line_number_ == 1 && line->starts_with(kByteOrderMark))
      line->remove_prefix(kByteOrderMark.size());
    if (trim(*line).empty()) continue;
    try {
      return parse(*line, place());
    } catch (const Error& e) {
      if (has_newline_) throw;
      if (last_line_ == LastLine::kMustBeWhole)
        throw Error(e.code(),
                    fmt::format("{}; the file ends within this line: is it cut off?", e.what()));
      is_torn_ = true;
    }
  }
  return std::nullopt;
}

std::string JsonlReader::place() const {
  return fmt::format("{}:{}", path_.string(), line_number_);
}

/// The bytes up to the next newline, without it; valid until the next call.
std::optional<std::string_view> JsonlReader::next_line() {
  if (is_in_long_line_) skip_long_line();
  ++line_number_;
  for (std::size_t scanned = start_;;) {
    const auto newline = buffer_.find('\n', scanned);
    has_newline_ = newline != std::string::npos;
    const std::size_t end = has_newline_ ? newline : buffer_.size();
    if (end - start_ > max_line_bytes_) {
      is_in_long_line_ = true;
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{}: the line has more than {} bytes", place(), max_line_bytes_));
    }
    if (has_newline_ || is_at_end_) {
      if (start_ == buffer_.size()) {
        --line_number_;
        return std::nullopt;
      }
      const std::string_view line = std::string_view(buffer_).substr(start_, end - start_);
      if (has_newline_) offset_ += line.size() + 1;
      start_ = has_newline_ ? end + 1 : end;
      return line;
    }
    buffer_.erase(0, start_);
    start_ = 0;
    scanned = buffer_.size();
    read_block();
  }
}

/// Moves behind the newline of the line at start_, in memory for one block.
void JsonlReader::skip_long_line() {
  is_in_long_line_ = false;
  for (std::uint64_t dropped = 0;;) {
    const auto newline = buffer_.find('\n', start_);
    if (newline != std::string::npos) {
      offset_ += dropped + (newline + 1 - start_);
      start_ = newline + 1;
      return;
    }
    dropped += buffer_.size() - start_;
    buffer_.clear();
    start_ = 0;
    if (is_at_end_) return;
    read_block();
  }
}

void JsonlReader::read_block() {
  const std::size_t old_size = buffer_.size();
  buffer_.resize(old_size + kBlock);
  const std::size_t count = std::fread(buffer_.data() + old_size, 1, kBlock, file_.get());
  buffer_.resize(old_size + count);
  if (std::ferror(file_.get())) throw cannot_read(path_, errno);
  is_at_end_ = count == 0;
}

JsonlWriter::JsonlWriter(std::filesystem::path path, FileSystem& files)
    : files_(files), path_(std::move(path)) {
  const bool is_new = !files_.exists(path_);
  file_ = files_.append(path_);
  if (is_new) files_.sync(folder_of(path_));
  repair_last_line();
}

void JsonlWriter::repair_last_line() {
  const std::uint64_t size = files_.size(path_).value_or(0);
  const std::uint64_t whole = end_of_whole_lines(path_, size);
  offset_ = size;
  if (whole == size) return;
  if (size - whole <= kMaxJsonlLine && is_json(read_range(path_, whole, size))) {
    file_->write("\n");
    ++offset_;
  } else {
    files_.truncate(path_, whole);
    offset_ = whole;
  }
}

void JsonlWriter::write(const Json& record) {
  // Any other value, cut off, could still be read: 12 of 123.
  POLARIS_CHECK(record.is_structured(), "{} takes objects or arrays", path_.string());
  write_line(dump_json(record) + '\n');
}

void JsonlWriter::write_ordered(const OrderedJson& record) {
  POLARIS_CHECK(record.is_structured(), "{} takes objects or arrays", path_.string());
  write_line(record.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + '\n');
}

void JsonlWriter::write_line(const std::string& line) {
  if (is_torn_) files_.truncate(path_, offset_);
  is_torn_ = true;
  file_->write(line);
  is_torn_ = false;
  offset_ += line.size();
}

void JsonlWriter::sync() { file_->sync(); }

void JsonlWriter::truncate_to(const std::filesystem::path& path, std::uint64_t offset,
                              FileSystem& files) {
  const std::uint64_t size = files.size(path).value_or(0);
  const auto refuse = [&](const std::string& reason) {
    return Error(ErrorCode::kInvalidData,
                 fmt::format("{} cannot be cut back to byte {}: {}; it is not the file that the "
                             "checkpoint was made with",
                             path.string(), offset, reason));
  };
  if (offset > size) throw refuse(fmt::format("it has {} bytes", size));
  if (offset == size) return;
  if (offset > 0 && read_range(path, offset - 1, offset) != "\n")
    throw refuse("no line ends there");
  files.truncate(path, offset);
  files.sync(path);
}

}  // namespace polaris
