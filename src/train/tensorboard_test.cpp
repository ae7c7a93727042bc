#include "train/tensorboard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "base/faulty_file_system.h"
#include "base/temp_folder.h"
#include "train/event_file.h"

namespace polaris {
namespace {

TEST(EventFile, ChecksumIsTheKnownOne) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

// A reader of its own: nothing of the writer is used but its checksum, which is tested above.

template <class Number>
Number read_fixed(std::string_view& bytes) {
  Number number{};
  if (bytes.size() < sizeof number) throw std::runtime_error("cut off");
  std::memcpy(&number, bytes.data(), sizeof number);
  bytes.remove_prefix(sizeof number);
  return number;
}

std::uint64_t read_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = read_fixed<std::uint8_t>(bytes);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

struct Field {
  std::uint64_t number = 0;
  std::uint64_t integer = 0;
  double real = 0.0;
  std::string_view bytes;
};

std::vector<Field> read_message(std::string_view bytes) {
  std::vector<Field> fields;
  while (!bytes.empty()) {
    const std::uint64_t key = read_varint(bytes);
    Field field{.number = key >> 3};
    switch (key & 7) {
      case 0:
        field.integer = read_varint(bytes);
        break;
      case 1:
        field.real = read_fixed<double>(bytes);
        break;
      case 5:
        field.real = read_fixed<float>(bytes);
        break;
      case 2: {
        const std::uint64_t size = read_varint(bytes);
        field.bytes = bytes.substr(0, size);
        bytes.remove_prefix(size);
        break;
      }
      default:
        throw std::runtime_error("no such wire type");
    }
    fields.push_back(field);
  }
  return fields;
}

std::uint32_t unmask(std::uint32_t masked) { return std::rotl(masked - 0xa282ead8U, 15); }

struct ReadEvent {
  double wall_s = 0.0;
  std::int64_t step = 0;
  std::string version;
  bool is_start = false;
  std::map<std::string, double> scalars;
};

std::vector<ReadEvent> read_events(std::string_view bytes) {
  std::vector<ReadEvent> events;
  while (!bytes.empty()) {
    const std::string_view head = bytes.substr(0, 8);
    const auto size = read_fixed<std::uint64_t>(bytes);
    EXPECT_EQ(unmask(read_fixed<std::uint32_t>(bytes)), crc32c(head));
    const std::string_view data = bytes.substr(0, size);
    bytes.remove_prefix(size);
    EXPECT_EQ(unmask(read_fixed<std::uint32_t>(bytes)), crc32c(data));
    ReadEvent event;
    for (const Field& field : read_message(data)) {
      if (field.number == 1) event.wall_s = field.real;
      if (field.number == 2) event.step = static_cast<std::int64_t>(field.integer);
      if (field.number == 3) event.version = field.bytes;
      if (field.number == 7) event.is_start = read_message(field.bytes).at(0).integer == 1;
      if (field.number != 5) continue;
      for (const Field& entry : read_message(field.bytes)) {
        const auto value = read_message(entry.bytes);
        event.scalars[std::string(value.at(0).bytes)] = value.at(1).real;
      }
    }
    events.push_back(std::move(event));
  }
  return events;
}

class TensorBoard : public testing::Test {
 protected:
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const FolderEntry& entry : real_file_system().list(folder / "tb"))
      found.push_back(entry.name);
    return found;
  }
  std::vector<ReadEvent> events_of(const std::string& name) {
    return read_events(real_file_system().read(folder / "tb" / name));
  }
  TensorBoardLog open(std::int64_t first_step) {
    return TensorBoardLog(folder / "tb", real_file_system(), clock, first_step);
  }

  TempFolder folder;
  FakeClock clock{1'800'000'000.5};
};

TEST_F(TensorBoard, AFileIsItsVersionAStartAndTheStepsNumbers) {
  TensorBoardLog log = open(0);
  clock.advance(2.0);
  log.write(0, {{"val-core/all/reward/mean@1", 0.25}});
  log.write(300, {{"actor/lr", 1e-6}, {"critic/score/mean", -1.5}});
  ASSERT_EQ(names(), (std::vector<std::string>{"events.out.tfevents.1800000000.polaris"}));
  const auto events = events_of(names()[0]);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_EQ(events[0].wall_s, 1'800'000'000.5);
  EXPECT_TRUE(events[1].is_start);
  EXPECT_EQ(events[1].step, 0);
  EXPECT_EQ(events[2].wall_s, 1'800'000'002.5);
  EXPECT_EQ(events[2].scalars.at("val-core/all/reward/mean@1"), 0.25);
  EXPECT_EQ(events[3].step, 300);
  EXPECT_EQ(events[3].scalars.size(), 2U);
  EXPECT_EQ(events[3].scalars.at("critic/score/mean"), -1.5);
  EXPECT_FLOAT_EQ(static_cast<float>(events[3].scalars.at("actor/lr")), 1e-6F);
}

TEST_F(TensorBoard, AResumedRunBeginsALaterFileAndVoidsTheStepsItRepeats) {
  open(0).write(7, {{"a", 1.0}});
  clock.set_wall(1'700'000'000.0);  // an administrator set it back
  open(6).write(6, {{"a", 2.0}});
  open(6).write(6, {{"a", 3.0}});
  ASSERT_EQ(names().size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(names()));
  const auto events = events_of(names()[2]);
  EXPECT_TRUE(events[1].is_start);
  EXPECT_EQ(events[1].step, 6);
  EXPECT_EQ(events[2].scalars.at("a"), 3.0);
  EXPECT_EQ(events_of(names()[0])[2].step, 7);  // what was there stays there
}

TEST_F(TensorBoard, AProcessKilledWithinAWriteLeavesTheEventsBeforeItWhole) {
  FaultyFileSystem files(folder.path());
  TensorBoardLog log(folder / "tb", files, clock, 0);
  log.write(1, {{"a", 1.0}});
  const auto whole = *files.size(folder / "tb" / names()[0]);
  files.crash_at(files.operations() + 1);
  EXPECT_THROW(log.write(2, {{"a", 2.0}, {"b", 2.0}}), SimulatedCrash);
  files.lose_unsynced(Crash::kProcessKilled);

  const std::string left = real_file_system().read(folder / "tb" / names()[0]);
  EXPECT_GT(left.size(), whole);
  EXPECT_EQ(read_events(left.substr(0, whole)).back().step, 1);
  open(2).write(2, {{"a", 2.0}});
  EXPECT_EQ(events_of(names()[1]).back().scalars.at("a"), 2.0);
}

}  // namespace
}  // namespace polaris
