#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/chat_writer.h"
#include "text/strip.h"

namespace polaris {
namespace {

// Stands around the list of tools in the system turn, word for word: the models were trained on it.
constexpr std::string_view kBeforeTools =
    "# Tools\n\nYou have access to the following functions:\n\n<tools>";
constexpr std::string_view kBehindTools =
    "\n</tools>\n\n"
    "If you choose to call a function ONLY reply in the following format with NO suffix:\n\n"
    "<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n"
    "</parameter>\n<parameter=example_parameter_2>\nThis is the value for the second parameter\n"
    "that can span\nmultiple lines\n</parameter>\n</function>\n</tool_call>\n\n"
    "<IMPORTANT>\nReminder:\n"
    "- Function calls MUST follow the specified format: an inner <function=...></function> block "
    "must be nested within <tool_call></tool_call> XML tags\n"
    "- Required parameters MUST be specified\n"
    "- You may provide optional reasoning for your function call in natural language BEFORE the "
    "function call, but NOT after\n"
    "- If there is no function call available, answer the question like normal with your current "
    "knowledge and do not tell the user about function calls\n"
    "</IMPORTANT>";

Error refused(std::string_view reason) { return {ErrorCode::kInvalidData, std::string(reason)}; }

Rendering content_of(const Message& message) {
  ChatWriter out;
  out.outside(message.content);
  for (const ContentPart& part : message.parts) {
    switch (part.kind) {
      case ContentPart::Kind::kText:
        out.outside(part.text);
        break;
      case ContentPart::Kind::kImage:
        out.control("<|vision_start|><|image_pad|><|vision_end|>");
        break;
      case ContentPart::Kind::kVideo:
        out.control("<|vision_start|><|video_pad|><|vision_end|>");
        break;
    }
  }
  return out.take();
}

void write_system(ChatWriter& out, const Message* system, const std::vector<OrderedJson>& tools) {
  if (system == nullptr && tools.empty()) return;
  Rendering content;
  if (system != nullptr) {
    for (const ContentPart& part : system->parts) {
      if (part.kind != ContentPart::Kind::kText)
        throw refused("a system message cannot contain images or videos");
    }
    content = content_of(*system);
  }
  const std::string_view text = strip(content.text);
  out.control("<|im_start|>system\n");
  if (!tools.empty()) {
    out.control(kBeforeTools);
    for (const OrderedJson& tool : tools) out.control("\n").outside(python_json(tool));
    out.control(kBehindTools);
    if (!text.empty()) out.control("\n\n");
  }
  out.copy(content, text).control("<|im_end|>\n");
}

/// Index of the last user message that is more than the answer of a tool. Assistant turns behind it
/// show their reasoning.
std::size_t last_query(const std::vector<Message>& messages) {
  for (std::size_t i = messages.size(); i-- > 0;) {
    if (messages[i].role != "user") continue;
    const Rendering content = content_of(messages[i]);
    const std::string_view text = strip(content.text);
    if (!text.starts_with("<tool_response>") || !text.ends_with("</tool_response>")) return i;
  }
  throw refused("the conversation has no user message to answer");
}

std::string_view without_newlines_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
}

void write_tool_call(ChatWriter& out, const ToolCall& call) {
  out.control("<tool_call>\n<function=").outside(call.name).control(">\n");
  for (const auto& [key, value] : call.arguments.items()) {
    out.control("<parameter=").outside(key).control(">\n");
    out.outside(python_str(value));
    out.control("\n</parameter>\n");
  }
  out.control("</function>\n</tool_call>");
}

void write_assistant(ChatWriter& out, const Message& message, bool shows_reasoning) {
  const Rendering content = content_of(message);
  std::string_view text = strip(content.text);
  ChatWriter reasoning;
  if (message.reasoning_content) {
    reasoning.outside(strip(*message.reasoning_content));
  } else if (const auto close = text.find("</think>"); close != std::string_view::npos) {
    std::string_view thought = text.substr(0, close);
    if (const auto open = thought.rfind("<think>"); open != std::string_view::npos)
      thought.remove_prefix(open + std::string_view("<think>").size());
    reasoning.copy(content, strip(thought));
    text.remove_prefix(text.rfind("</think>") + std::string_view("</think>").size());
    text = without_newlines_before(text);
  }
  out.control("<|im_start|>assistant\n");
  if (shows_reasoning) {
    const Rendering thought = reasoning.take();
    out.control("<think>\n").copy(thought, thought.text).control("\n</think>\n\n");
  }
  out.copy(content, text);
  std::string_view separator = strip(text).empty() ? "" : "\n\n";
  for (const ToolCall& call : message.tool_calls) {
    out.control(separator);
    write_tool_call(out, call);
    separator = "\n";
  }
  out.control("<|im_end|>\n");
}

}  // namespace

Rendering render_qwen3_5(const ChatTemplate& chat, const std::vector<Message>& messages,
                         const RenderOptions& options) {
  const bool has_system = messages.front().role == "system";
  const std::size_t query = last_query(messages);
  ChatWriter out;
  write_system(out, has_system ? &messages.front() : nullptr, options.tools);
  for (std::size_t i = has_system ? 1 : 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == "assistant") {
      write_assistant(out, message, i > query);
      continue;
    }
    const Rendering content = content_of(message);
    const std::string_view text = strip(content.text);
    if (message.role == "user") {
      out.control("<|im_start|>user\n").copy(content, text).control("<|im_end|>\n");
    } else if (message.role == "tool") {
      const bool first = i == 0 || messages[i - 1].role != "tool";
      const bool last = i + 1 == messages.size() || messages[i + 1].role != "tool";
      if (first) out.control("<|im_start|>user");
      out.control("\n<tool_response>\n").copy(content, text).control("\n</tool_response>");
      if (last) out.control("<|im_end|>\n");
    } else if (message.role == "system") {
      throw refused(fmt::format("message {} is a system message: only the first may be", i + 1));
    } else {
      throw refused(
          fmt::format("message {} has the role \"{}\"; known are system, user, "
                      "assistant, tool",
                      i + 1, message.role));
    }
  }
  if (options.add_generation_prompt) {
    out.control("<|im_start|>assistant\n<think>\n");
    if (!opens_thinking(chat, options.enable_thinking)) out.control("\n</think>\n\n");
  }
  return out.take();
}

}  // namespace polaris
