#include "app/record_files.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <deque>
#include <iostream>
#include <utility>
#include <vector>

#include "app/file_progress.h"
#include "base/atomic_file.h"
#include "base/interrupt.h"
#include "base/jsonl.h"

namespace polaris {
namespace {

/// A file that appears whole or not at all, or standard output.
class Output {
 public:
  explicit Output(const std::string& name) {
    if (name != "-") file_.emplace(name);
  }

  void write(const std::string& line) {
    if (file_) {
      file_->write(line);
    } else if (!(std::cout << line)) {
      throw Error(ErrorCode::kIo, "cannot write to standard output");
    }
  }

  void commit() {
    if (file_) {
      file_->commit();
    } else if (!std::cout.flush()) {
      throw Error(ErrorCode::kIo, "cannot write to standard output");
    }
  }

 private:
  std::optional<AtomicFile> file_;
};

}  // namespace

Record::Record(OrderedJson json, std::string file, std::size_t line)
    : json_(std::move(json)), file_(std::move(file)), line_(line) {
  if (!json_.is_object()) throw refused("the line does not hold an object {...}");
}

std::string Record::place() const { return fmt::format("{}:{}", file_, line_); }

const OrderedJson* Record::find(const char* field) const {
  const auto found = json_.find(field);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string_view> Record::text(const char* field) const {
  const OrderedJson* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw refused(fmt::format("\"{}\" is not a string", field));
  return value->get_ref<const std::string&>();
}

std::optional<bool> Record::flag(const char* field) const {
  const OrderedJson* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) throw refused(fmt::format("\"{}\" is not true or false", field));
  return value->get<bool>();
}

Error Record::refused(std::string_view reason) const {
  return {ErrorCode::kInvalidData, fmt::format("{}: {}", place(), reason)};
}

void RecordFiles::add_options(CLI::App& command) {
  command.add_option("--in", in, "JSON lines, or - for standard input")->required();
  command
      .add_option("--out", out,
                  "the same records with what is added; replaced when all is done; - for standard "
                  "output")
      ->required();
}

void RecordFiles::for_each(const std::string& doing,
                           const std::function<void(Record&)>& fill) const {
  for_batches(
      doing, 1, [](const Record&) { return 1; },
      [&](std::span<Record> records) { fill(records.front()); });
}

void RecordFiles::for_batches(const std::string& doing, std::int64_t enough,
                              const std::function<std::int64_t(const Record&)>& size,
                              const std::function<void(std::span<Record>)>& fill) const {
  if (out != "-") watch_for_interrupt();
  const std::string file = in == "-" ? "/dev/stdin" : in;
  JsonlReader reader(file, LastLine::kMustBeWhole);
  Output output(out);
  FileProgress progress(doing, in);
  std::vector<Record> batch;
  std::int64_t batch_size = 0;
  const auto finish_batch = [&] {
    if (interrupt_requested())
      throw Error(ErrorCode::kInterrupted,
                  fmt::format("stopped at {}; {} is not written", reader.place(), out));
    fill(batch);
    for (const Record& record : batch) output.write(record.json().dump() + '\n');
    batch.clear();
    batch_size = 0;
    progress.reach(reader.offset());
  };
  while (auto json = reader.next_ordered()) {
    batch.emplace_back(std::move(*json), file, reader.line_number());
    batch_size += size(batch.back());
    if (batch_size >= enough) finish_batch();
  }
  if (!batch.empty()) finish_batch();
  output.commit();
}

void RecordFiles::for_ahead(const std::string& doing, std::size_t ahead,
                            const std::function<void(Record&)>& start,
                            const std::function<void(Record&)>& finish) const {
  if (out != "-") watch_for_interrupt();
  const std::string file = in == "-" ? "/dev/stdin" : in;
  JsonlReader reader(file, LastLine::kMustBeWhole);
  Output output(out);
  FileProgress progress(doing, in);
  std::deque<Record> started;
  const auto finish_down_to = [&](std::size_t count) {
    for (; started.size() > count; started.pop_front()) {
      if (interrupt_requested())
        throw Error(ErrorCode::kInterrupted,
                    fmt::format("stopped at {}; {} is not written", started.front().place(), out));
      finish(started.front());
      output.write(started.front().json().dump() + '\n');
    }
  };
  while (auto json = reader.next_ordered()) {
    started.emplace_back(std::move(*json), file, reader.line_number());
    start(started.back());
    finish_down_to(ahead);
    progress.reach(reader.offset());
  }
  finish_down_to(0);
  output.commit();
}

}  // namespace polaris
