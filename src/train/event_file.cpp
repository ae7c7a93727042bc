#include "train/event_file.h"

#include <array>
#include <bit>
#include <concepts>

namespace polaris {
namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0U);
    table[byte] = crc;
  }
  return table;
}();

/// A CRC of data that holds CRCs is weak, so TFRecords turn theirs around and add a constant.
std::uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8U;
}

void put_fixed(std::string& out, std::unsigned_integral auto value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> 8 * i & 0xff);
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

// A field of a protobuf message is its number and wire type, then its value.
enum WireType : std::uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_key(std::string& out, std::uint64_t field, WireType type) {
  put_varint(out, field << 3 | type);
}

void put_integer(std::string& out, std::uint64_t field, std::int64_t value) {
  put_key(out, field, kVarint);
  put_varint(out, static_cast<std::uint64_t>(value));
}

void put_double(std::string& out, std::uint64_t field, double value) {
  put_key(out, field, kFixed64);
  put_fixed(out, std::bit_cast<std::uint64_t>(value));
}

void put_float(std::string& out, std::uint64_t field, float value) {
  put_key(out, field, kFixed32);
  put_fixed(out, std::bit_cast<std::uint32_t>(value));
}

/// A text, or a message within a message.
void put_bytes(std::string& out, std::uint64_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

/// Fields 1 and 2 of every Event.
std::string event(double wall_s, std::int64_t step) {
  std::string out;
  put_double(out, 1, wall_s);
  if (step != 0) put_integer(out, 2, step);
  return out;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : bytes)
    crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

std::string tf_record(std::string_view data) {
  std::string out;
  put_fixed(out, static_cast<std::uint64_t>(data.size()));
  put_fixed(out, masked_crc(out));
  out += data;
  put_fixed(out, masked_crc(data));
  return out;
}

std::string version_event(double wall_s) {
  std::string out = event(wall_s, 0);
  put_bytes(out, 3, "brain.Event:2");
  return out;
}

std::string start_event(double wall_s, std::int64_t first_step) {
  std::string session;
  put_integer(session, 1, 1);  // SessionLog.status = START
  std::string out = event(wall_s, first_step);
  put_bytes(out, 7, session);
  return out;
}

std::string scalar_event(double wall_s, std::int64_t step,
                         const std::map<std::string, double>& values) {
  std::string summary;
  for (const auto& [tag, number] : values) {
    std::string value;
    put_bytes(value, 1, tag);
    put_float(value, 2, static_cast<float>(number));
    put_bytes(summary, 1, value);
  }
  std::string out = event(wall_s, step);
  put_bytes(out, 5, summary);
  return out;
}

}  // namespace polaris
