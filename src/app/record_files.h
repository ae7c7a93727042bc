#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace CLI {
class App;
}

namespace polaris {

/// One record of a JSON lines file, on its way from the input to the output: a command reads its
/// fields and adds its own; all others pass through in their order.
class Record {
 public:
  /// @throws Error{kInvalidData} if `json` is no object
  Record(OrderedJson json, std::string file, std::size_t line);

  const OrderedJson& json() const { return json_; }
  const std::string& file() const { return file_; }
  std::size_t line() const { return line_; }

  /// "in.jsonl:17"
  std::string place() const;

  /// The field, unless it is absent or null.
  const OrderedJson* find(const char* field) const;

  /// The field as a string, valid until the next set(), or as a truth value.
  /// @throws Error{kInvalidData} if it is there and something else
  std::optional<std::string_view> text(const char* field) const;
  std::optional<bool> flag(const char* field) const;

  /// An error about this record, to be thrown.
  Error refused(std::string_view reason) const;

  /// Adds a field, or replaces its value where it stands.
  void set(const char* field, OrderedJson value) { json_[field] = std::move(value); }

  /// Takes a field out of what is passed through.
  void remove(const char* field) { json_.erase(field); }

 private:
  OrderedJson json_;
  std::string file_;
  std::size_t line_;
};

/// The two files of a command that turns records into records.
struct RecordFiles {
  std::string in;   ///< "-": standard input
  std::string out;  ///< "-": standard output

  /// Declares --in and --out.
  void add_options(CLI::App& command);

  /// Fills every record and writes it, in the order of the input. The output file appears when all
  /// is done; until then, and after an error or Ctrl-C, the old one stays.
  /// @param doing  what a terminal is told: "tokenizing"
  /// @throws Error{kIo, kInvalidData, kInterrupted}, and what `fill` throws
  void for_each(const std::string& doing, const std::function<void(Record&)>& fill) const;

  /// The same for work that is better done on many records at once: `fill` gets them in batches
  /// whose sizes add up to `enough`, or a little more.
  /// @param size  of one record; may throw what is wrong with it
  void for_batches(const std::string& doing, std::int64_t enough,
                   const std::function<std::int64_t(const Record&)>& size,
                   const std::function<void(std::span<Record>)>& fill) const;

  /// The same for work that takes its time elsewhere: every record is started when it is read, and
  /// finished, in order, once `ahead` further ones are started.
  void for_ahead(const std::string& doing, std::size_t ahead,
                 const std::function<void(Record&)>& start,
                 const std::function<void(Record&)>& finish) const;
};

}  // namespace polaris
