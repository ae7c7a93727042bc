#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace polaris {

/// Cuts a stream of server-sent events into the data of its events, whatever pieces it arrives in.
///
/// Lines end in LF, CR LF or CR; the values of an event's `data` lines, joined by LF, are its data;
/// an empty line ends it; other fields and comments are left out, as is an event that the stream
/// ends inside of. Source: WHATWG HTML, "Server-sent events".
class EventStream {
 public:
  /// @param max_event_bytes  of one event, white space and comments included
  explicit EventStream(std::size_t max_event_bytes = 16U << 20)
      : max_event_bytes_(max_event_bytes) {}

  using OnEvent = std::function<void(std::string_view data)>;

  /// Calls `on_event` for every event that `bytes` complete.
  /// @throws Error{kInvalidData} for an event that is too long; what `on_event` throws
  void feed(std::string_view bytes, const OnEvent& on_event);

 private:
  void end_line(const OnEvent& on_event);
  void grow(std::string_view bytes);

  std::size_t max_event_bytes_;
  std::size_t event_bytes_ = 0;  // of the event that is being read
  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool was_cr_ = false;  // an LF right behind it ends no further line
  bool is_first_line_ = true;
};

}  // namespace polaris
