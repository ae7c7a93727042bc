#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat.h"

namespace polaris {

/// Builds a Rendering: control() is the template's own text, outside() what it was given.
class ChatWriter {
 public:
  ChatWriter& control(std::string_view text);
  ChatWriter& outside(std::string_view text);
  /// `part` points into source.text: it is copied with what is known about it.
  ChatWriter& copy(const Rendering& source, std::string_view part);
  Rendering take() { return std::move(rendering_); }

 private:
  Rendering rendering_;
};

/// A value as json.dumps(value, ensure_ascii=False) writes it: ", " and ": " between items.
std::string python_json(const OrderedJson& value);

/// A value as Python's str() writes it (True, None, 1.5), but lists and objects as JSON.
std::string python_str(const OrderedJson& value);

/// The Qwen3.5 template. `messages` is what render_chat() made of the conversation: not empty, with
/// the system message in place.
Rendering render_qwen3_5(const ChatTemplate& chat, const std::vector<Message>& messages,
                         const RenderOptions& options);

}  // namespace polaris
