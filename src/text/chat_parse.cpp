#include <fmt/core.h>

#include "base/error.h"
#include "text/chat.h"

namespace polaris {
namespace {

/// Reads one message; errors name it.
class MessageReader {
 public:
  MessageReader(const OrderedJson& json, std::string place)
      : json_(json), place_(std::move(place)) {}

  Message read() const {
    if (!json_.is_object()) throw refused("is not an object");
    Message message;
    message.role = text_at(json_, "role").value_or("");
    if (message.role.empty()) throw refused("has no \"role\"");
    const auto content = json_.find("content");
    if (content != json_.end() && content->is_array()) {
      for (const OrderedJson& part : *content) message.parts.push_back(read_part(part));
    } else {
      message.content = text_at(json_, "content").value_or("");
    }
    message.reasoning_content = text_at(json_, "reasoning_content");
    const auto calls = json_.find("tool_calls");
    if (calls != json_.end() && !calls->is_null()) {
      if (!calls->is_array()) throw refused("has \"tool_calls\" that are not a list");
      for (const OrderedJson& call : *calls) message.tool_calls.push_back(read_call(call));
    }
    return message;
  }

 private:
  Error refused(std::string_view reason) const {
    return {ErrorCode::kInvalidData, fmt::format("{} {}", place_, reason)};
  }

  std::optional<std::string> text_at(const OrderedJson& object, const char* key) const {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return std::nullopt;
    if (!found->is_string()) throw refused(fmt::format("has a \"{}\" that is not a string", key));
    return found->get<std::string>();
  }

  ContentPart read_part(const OrderedJson& part) const {
    using Kind = ContentPart::Kind;
    if (!part.is_object()) throw refused("has a content part that is not an object");
    const std::string type = text_at(part, "type").value_or("");
    if (part.contains("image") || part.contains("image_url") || type == "image")
      return {.kind = Kind::kImage};
    if (part.contains("video") || type == "video") return {.kind = Kind::kVideo};
    const auto text = text_at(part, "text");
    if (!text) throw refused("has a content part that is neither text, image nor video");
    return {.kind = Kind::kText, .text = *text};
  }

  ToolCall read_call(const OrderedJson& entry) const {
    if (!entry.is_object()) throw refused("has a tool call that is not an object");
    const auto nested = entry.find("function");
    const OrderedJson& call = nested == entry.end() ? entry : *nested;
    if (!call.is_object()) throw refused("has a tool call whose \"function\" is not an object");
    ToolCall out;
    out.name = text_at(call, "name").value_or("");
    if (out.name.empty()) throw refused("has a tool call without a \"name\"");
    const auto arguments = call.find("arguments");
    if (arguments != call.end() && !arguments->is_null()) {
      if (!arguments->is_object())
        throw refused("has a tool call whose \"arguments\" are not an object");
      out.arguments = *arguments;
    }
    return out;
  }

  const OrderedJson& json_;
  std::string place_;
};

}  // namespace

std::vector<Message> parse_messages(const OrderedJson& list, std::string_view where) {
  if (!list.is_array())
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: \"messages\" is not a list", where));
  std::vector<Message> messages;
  for (const OrderedJson& json : list) {
    std::string place = fmt::format("{}: message {}", where, messages.size() + 1);
    messages.push_back(MessageReader(json, std::move(place)).read());
  }
  return messages;
}

}  // namespace polaris
