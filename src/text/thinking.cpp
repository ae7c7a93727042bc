#include "text/thinking.h"

#include <algorithm>
#include <string>

#include "text/strip.h"
#include "text/unicode.h"

namespace polaris {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

std::string_view without_open_tag(std::string_view text) {
  text = left_strip(text);
  if (text.starts_with(kOpen)) text.remove_prefix(kOpen.size());
  return text;
}

std::optional<std::string_view> unless_blank(std::string_view text) {
  text = strip(text);
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

SplitResponse split_response(std::string_view text, bool prompt_opened, UnclosedThinking rule) {
  const auto close = text.find(kClose);
  if (close != std::string_view::npos)
    return {.thinking = unless_blank(without_open_tag(text.substr(0, close))),
            .story = left_strip(text.substr(close + kClose.size()))};
  const bool unclosed = prompt_opened || left_strip(text).starts_with(kOpen);
  if (unclosed && rule == UnclosedThinking::kEmptyStory)
    return {.thinking = unless_blank(without_open_tag(text)), .story = {}, .unclosed = true};
  return {.thinking = std::nullopt, .story = left_strip(text), .unclosed = unclosed};
}

std::size_t thinking_tokens(std::span<const TokenId> response, TokenId close) {
  const auto found = std::find(response.begin(), response.end(), close);
  return found == response.end() ? 0 : static_cast<std::size_t>(found - response.begin()) + 1;
}

std::size_t thinking_tokens(std::string_view text, std::span<const std::size_t> byte_ends) {
  const auto close = text.find(kClose);
  if (close == std::string_view::npos) return 0;
  const auto last = std::lower_bound(byte_ends.begin(), byte_ends.end(), close + kClose.size());
  if (last == byte_ends.end()) return byte_ends.size();
  return static_cast<std::size_t>(last - byte_ends.begin()) + 1;
}

std::size_t published_thinking_tokens(std::string_view text, std::span<const ByteRange> spans,
                                      std::size_t response_tokens) {
  const std::string lowered = lower(text);
  const auto close = lowered.find(kClose);
  if (close == std::string::npos) return 0;
  std::size_t end = 0;  // in code points
  for (std::size_t pos = 0; pos < close + kClose.size(); ++end) decode_utf8(lowered, pos);
  const auto inside = std::count_if(spans.begin(), spans.end(), [&](const ByteRange& span) {
    return span.begin + span.end < 2 * end;
  });
  return std::min(static_cast<std::size_t>(inside), response_tokens);
}

}  // namespace polaris
