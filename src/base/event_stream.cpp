#include "base/event_stream.h"

#include "base/error.h"
#include "base/strings.h"

namespace polaris {

void EventStream::feed(std::string_view bytes, const OnEvent& on_event) {
  while (!bytes.empty()) {
    if (was_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    was_cr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    grow(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    was_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line(on_event);
  }
}

void EventStream::grow(std::string_view bytes) {
  event_bytes_ += bytes.size();
  if (event_bytes_ > max_event_bytes_)
    throw Error(ErrorCode::kInvalidData, fmt::format("the stream has an event of more than {}",
                                                     human_bytes(double(max_event_bytes_))));
  line_ += bytes;
}

void EventStream::end_line(const OnEvent& on_event) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view line = line_;
  if (is_first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  is_first_line_ = false;
  if (line.empty()) {
    event_bytes_ = 0;
    const std::string data = std::move(data_);
    data_.clear();
    line_.clear();
    if (has_data_) {
      has_data_ = false;
      on_event(data);
    }
    return;
  }
  const std::size_t colon = line.find(':');
  if (line.substr(0, colon) == "data") {
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  line_.clear();
}

}  // namespace polaris
