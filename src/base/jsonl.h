// JSON Lines: one JSON value per line. The form of our inputs, outputs and journals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/json.h"

namespace polaris {

inline constexpr std::size_t kMaxJsonlLine = std::size_t{256} << 20;  // bytes

/// What the end of a file may look like when its last line has no newline and is not valid JSON.
enum class LastLine {
  kMustBeWhole,  ///< an input: somebody's file is cut off, which is an error
  kMayBeTorn,    ///< a journal: its writer was killed within the line, which is_torn() tells
};

/// Reads a file line by line, in memory for one line. Empty lines, CRLF and a UTF-8 byte order
/// mark at the start are accepted, and a last line without newline if it is valid JSON.
class JsonlReader {
 public:
  /// @param start  byte to begin at, the end of a line noted earlier; line numbers then count
  ///               from there
  /// @throws Error{kIo} if the file cannot be opened
  JsonlReader(std::filesystem::path path, LastLine last_line,
              std::size_t max_line_bytes = kMaxJsonlLine, std::uint64_t start = 0);

  /// The next value, or nothing at the end.
  /// @throws Error{kInvalidData} naming file and line: not JSON, or longer than the limit; the call
  ///         after it goes on with the next line. Error{kIo} if reading fails
  std::optional<Json> next();

  /// The same with the keys in the order of the file: for records that are passed through.
  std::optional<OrderedJson> next_ordered();

  /// "prompts.jsonl:17", the line that next() read last: for errors about its content.
  std::string place() const;

  /// The number of that line, from 1; empty lines count.
  std::size_t line_number() const { return line_number_; }

  /// Bytes up to and with the newline of the last whole line read so far: where a journal may be
  /// cut.
  std::uint64_t offset() const { return offset_; }

  /// True once next() has met a torn last line.
  bool is_torn() const { return is_torn_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  template <class AnyJson>
  std::optional<AnyJson> next_value(AnyJson (*parse)(std::string_view, std::string_view));
  std::optional<std::string_view> next_line();
  void skip_long_line();
  void read_block();

  std::filesystem::path path_;
  LastLine last_line_;
  std::size_t max_line_bytes_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string buffer_;
  std::size_t start_ = 0;  // of the unread part of buffer_
  bool is_at_end_ = false;
  bool has_newline_ = false;      // the line read last
  bool is_in_long_line_ = false;  // one over the limit begins at start_
  std::size_t line_number_ = 0;
  std::uint64_t offset_ = 0;
  bool is_torn_ = false;
};

/// Appends to a journal. A record is on its way to the disk when write() returns: it survives the
/// end of the process, and after sync() a power cut. For one thread at a time.
class JsonlWriter {
 public:
  /// Opens or makes the file. A torn last line, left by a killed writer, is cut off; one that
  /// lacks only its newline gets it.
  /// @throws Error{kIo}, as all functions here
  explicit JsonlWriter(std::filesystem::path path, FileSystem& files = real_file_system());

  /// Writes an object or an array as one line, in one write. Where that fails, no part of the
  /// line stays: the next write(), or the next writer, cuts it off.
  void write(const Json& record);
  void write_ordered(const OrderedJson& record);

  void sync();

  /// Bytes in the file: what a checkpoint notes as the journal's cursor.
  std::uint64_t offset() const { return offset_; }

  /// Cuts a journal back to a cursor noted earlier, and syncs it.
  /// @throws Error{kInvalidData} if the file is shorter or `offset` is not the end of a line: it is
  ///         not the journal that the cursor was noted for
  static void truncate_to(const std::filesystem::path& path, std::uint64_t offset,
                          FileSystem& files = real_file_system());

 private:
  void repair_last_line();
  void write_line(const std::string& line);

  FileSystem& files_;
  std::filesystem::path path_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t offset_ = 0;
  bool is_torn_ = false;  // the last write failed; a part of its line may stand behind offset_
};

}  // namespace polaris
