#include "text/thinking_stream.h"

#include <algorithm>

#include "text/strip.h"

namespace polaris {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

/// How many of the last bytes of `text` may be the beginning of `tag`.
std::size_t beginning_at_end(std::string_view text, std::string_view tag) {
  for (std::size_t size = std::min(text.size(), tag.size() - 1); size > 0; --size) {
    if (tag.starts_with(text.substr(text.size() - size))) return size;
  }
  return 0;
}

}  // namespace

ThinkingStream::Part ThinkingStream::add(std::string_view text) {
  pending_ += text;
  return advance(false);
}

ThinkingStream::Part ThinkingStream::finish() { return advance(true); }

ThinkingStream::Part ThinkingStream::advance(bool is_last) {
  Part part;
  if (place_ == Place::kStart) {
    const std::string_view rest = left_strip(pending_);
    if (!is_last && (rest.empty() || (rest.size() < kOpen.size() && kOpen.starts_with(rest))))
      return part;
    const bool has_tag = rest.starts_with(kOpen);
    pending_ = std::string(has_tag ? rest.substr(kOpen.size()) : rest);
    place_ = has_tag || prompt_opened_ ? Place::kThinking : Place::kBeforeStory;
  }
  if (place_ == Place::kThinking) {
    const std::size_t close = pending_.find(kClose);
    if (close == std::string::npos) {
      const std::size_t certain =
          pending_.size() - (is_last ? 0 : beginning_at_end(pending_, kClose));
      part.thinking = pending_.substr(0, certain);
      pending_.erase(0, certain);
      return part;
    }
    part.thinking = pending_.substr(0, close);
    pending_.erase(0, close + kClose.size());
    place_ = Place::kBeforeStory;
  }
  if (place_ == Place::kBeforeStory) {
    pending_ = std::string(left_strip(pending_));
    if (pending_.empty()) return part;
    place_ = Place::kStory;
  }
  part.story = std::move(pending_);
  pending_.clear();
  return part;
}

}  // namespace polaris
