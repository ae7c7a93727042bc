#include "text/chat.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "text/chat_writer.h"
#include "text/strip.h"

namespace polaris {
namespace {

using Kind = ChatTemplateKind;
using Messages = std::vector<Message>;

constexpr std::array<std::pair<Kind, std::string_view>, 7> kNames = {{
    {Kind::kQwen3_5, "qwen3_5"},
    {Kind::kChatml, "chatml"},
    {Kind::kLlama3, "llama3"},
    {Kind::kLlama3_1, "llama3.1"},
    {Kind::kMistralV3, "mistral-v3"},
    {Kind::kMistralV3Tekken, "mistral-v3-tekken"},
    {Kind::kMistralV7Tekken, "mistral-v7-tekken"},
}};

/// What each family does with white space around a text.
std::string_view as_written(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::kQwen3_5:
    case Kind::kLlama3:
    case Kind::kLlama3_1:
      return strip(text);
    default:
      return text;
  }
}

/// The content of a message in the templates that know text only.
std::string plain_content(const Message& message) {
  std::string text = message.content;
  for (const ContentPart& part : message.parts) {
    if (part.kind != ContentPart::Kind::kText)
      throw Error(ErrorCode::kInvalidData, "this chat template has no place for images or videos");
    text += part.text;
  }
  return text;
}

Rendering render_chatml(const Messages& messages, const RenderOptions& options) {
  const auto last_user =
      std::find_if(messages.rbegin(), messages.rend(),
                   [](const Message& message) { return message.role == "user"; });
  const auto first_answer = messages.end() - std::distance(messages.rbegin(), last_user);
  ChatWriter out;
  for (auto message = messages.begin(); message != messages.end(); ++message) {
    out.control("<|im_start|>").outside(message->role).control("\n");
    const bool shows_reasoning = message >= first_answer && message->role == "assistant" &&
                                 message->reasoning_content.has_value();
    if (shows_reasoning)
      out.control("<think>\n").outside(*message->reasoning_content).control("\n</think>\n\n");
    out.outside(plain_content(*message)).control("<|im_end|>\n");
  }
  if (options.add_generation_prompt) {
    out.control("<|im_start|>assistant\n");
    if (options.enable_thinking == false) out.control("<think>\n\n</think>\n\n");
  }
  return out.take();
}

Rendering render_llama3(Kind kind, const Messages& messages, const RenderOptions& options) {
  const auto write_turn = [&](ChatWriter& out, const Message& message) {
    out.control("<|start_header_id|>").outside(message.role).control("<|end_header_id|>\n\n");
    out.outside(strip(plain_content(message))).control("<|eot_id|>");
  };
  ChatWriter out;
  out.control("<|begin_of_text|>");
  auto turn = messages.begin();
  if (kind == Kind::kLlama3_1) {
    out.control("<|start_header_id|>system<|end_header_id|>\n\n");
    out.control("Cutting Knowledge Date: December 2023\nToday Date: ");
    if (options.date_string) {
      out.outside(*options.date_string);
    } else {
      out.control("26 Jul 2024");
    }
    out.control("\n\n");
    if (turn->role == "system") out.outside(strip(plain_content(*turn++)));
    out.control("<|eot_id|>");
  }
  for (; turn != messages.end(); ++turn) write_turn(out, *turn);
  if (options.add_generation_prompt)
    out.control("<|start_header_id|>assistant<|end_header_id|>\n\n");
  return out.take();
}

Rendering render_mistral(Kind kind, const Messages& messages) {
  const std::string_view space = kind == Kind::kMistralV3 ? " " : "";
  ChatWriter out;
  out.control("<s>");
  auto turn = messages.begin();
  std::optional<std::string> system;
  if (turn->role == "system") system = plain_content(*turn++);
  if (system && kind == Kind::kMistralV7Tekken) {
    out.control("[SYSTEM_PROMPT]").outside(*system).control("[/SYSTEM_PROMPT]");
    system.reset();
  }
  bool users_turn = true;
  for (; turn != messages.end(); ++turn, users_turn = !users_turn) {
    if (turn->role != (users_turn ? "user" : "assistant"))
      throw Error(
          ErrorCode::kInvalidData,
          fmt::format("message {} has the role \"{}\": after an optional system message the "
                      "roles must alternate user, assistant, user, ...",
                      turn - messages.begin() + 1, turn->role));
    const std::string content = plain_content(*turn);
    if (users_turn) {
      out.control("[INST]").control(space);
      // The last user message is followed by at most the answer to it.
      if (system && messages.end() - turn <= 2) out.outside(*system).control("\n\n");
      out.outside(content).control("[/INST]");
    } else {
      out.control(space).outside(content).control("</s>");
    }
  }
  return out.take();
}

Rendering render(const ChatTemplate& chat, const Messages& messages, const RenderOptions& options) {
  if (chat.kind == Kind::kQwen3_5) return render_qwen3_5(chat, messages, options);
  const bool calls_tools =
      !options.tools.empty() ||
      std::any_of(messages.begin(), messages.end(),
                  [](const Message& message) { return !message.tool_calls.empty(); });
  if (calls_tools)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("the chat template {} has no form for tools here; use qwen3_5",
                            name_of(chat.kind)));
  switch (chat.kind) {
    case Kind::kChatml:
      return render_chatml(messages, options);
    case Kind::kLlama3:
    case Kind::kLlama3_1:
      return render_llama3(chat.kind, messages, options);
    default:
      return render_mistral(chat.kind, messages);
  }
}

void refuse_think_tags(std::string_view text, std::string_view what) {
  for (const std::string_view tag : {"<think>", "</think>"}) {
    if (text.find(tag) != std::string_view::npos)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("the reference's {} contains {}; remove it", what, tag));
  }
}

}  // namespace

std::string_view name_of(ChatTemplateKind kind) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == kind; });
  POLARIS_CHECK(found != kNames.end());
  return found->second;
}

std::optional<ChatTemplateKind> chat_template_named(std::string_view name) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.second == name; });
  if (found == kNames.end()) return std::nullopt;
  return found->first;
}

std::string chat_template_names() {
  std::string names;
  for (const auto& [kind, name] : kNames) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

Rendering render_chat(const ChatTemplate& chat, const std::vector<Message>& messages,
                      const RenderOptions& options) {
  if (messages.empty()) throw Error(ErrorCode::kInvalidData, "the conversation has no messages");
  const bool has_system = std::any_of(messages.begin(), messages.end(), [](const Message& message) {
    return message.role == "system";
  });
  if (has_system || !options.system_message) return render(chat, messages, options);
  Messages with_system = {{.role = "system", .content = *options.system_message}};
  with_system.insert(with_system.end(), messages.begin(), messages.end());
  return render(chat, with_system, options);
}

bool opens_thinking(const ChatTemplate& chat, std::optional<bool> enable_thinking) {
  return chat.kind == Kind::kQwen3_5 && enable_thinking.value_or(chat.thinks_by_default);
}

std::string_view end_of_turn(ChatTemplateKind kind) {
  switch (kind) {
    case Kind::kQwen3_5:
    case Kind::kChatml:
      return "<|im_end|>";
    case Kind::kLlama3:
    case Kind::kLlama3_1:
      return "<|eot_id|>";
    default:
      return "</s>";
  }
}

Rendering reference_turn(const ChatTemplate& chat, ReferenceStyle style,
                         std::optional<std::string_view> reasoning, std::string_view story) {
  refuse_think_tags(story, "story");
  const bool published = style == ReferenceStyle::kPublished;
  const auto written = [&](std::string_view text) {
    return published ? text : as_written(chat.kind, text);
  };
  ChatWriter out;
  if (!published && chat.kind == Kind::kMistralV3) out.control(" ");
  if (reasoning) {
    refuse_think_tags(*reasoning, "reasoning");
    if (published || !opens_thinking(chat, true)) out.control("<think>\n");
    out.outside(written(*reasoning)).control(published ? "\n</think>\n" : "\n</think>\n\n");
  }
  out.outside(written(story)).control(end_of_turn(chat.kind));
  return out.take();
}

Rendering joined(const Rendering& first, const Rendering& second) {
  Rendering both = first;
  both.text += second.text;
  for (const ByteRange range : second.outside)
    both.outside.push_back({range.begin + first.text.size(), range.end + first.text.size()});
  return both;
}

}  // namespace polaris
