#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace polaris {

// The bytes of a TensorBoard event file: TFRecords of Event messages in protobuf's wire format,
// of which scalars need six fields. Source: tensorflow's event.proto, summary.proto and
// record_writer.h.

/// CRC-32C (Castagnoli), as in iSCSI: "123456789" gives 0xe3069283.
std::uint32_t crc32c(std::string_view bytes);

/// One record: its length (8 bytes), the masked CRC of that, the data, the masked CRC of the data;
/// little-endian.
std::string tf_record(std::string_view data);

// Event messages. `wall_s` is in seconds since 1970-01-01 UTC.

/// The first of a file: which rules its reader is to follow.
std::string version_event(double wall_s);

/// The writer (re)starts: of what earlier files hold, `first_step` and all behind it is void.
std::string start_event(double wall_s, std::int64_t first_step);

/// Numbers of one step by tag, stored in single precision.
std::string scalar_event(double wall_s, std::int64_t step,
                         const std::map<std::string, double>& values);

}  // namespace polaris
