#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace polaris {

/// One part of a message whose content is a list.
struct ContentPart {
  enum class Kind { kText, kImage, kVideo };
  Kind kind = Kind::kText;
  std::string text;  ///< kText only; images and videos are rendered as placeholders
};

struct ToolCall {
  std::string name;
  OrderedJson arguments = OrderedJson::object();  ///< an object; the order of keys is kept
};

/// One turn of a conversation.
struct Message {
  std::string role;  ///< "system", "user", "assistant", "tool"
  std::string content;
  std::vector<ContentPart> parts;  ///< content that came as a list; then `content` is empty
  std::optional<std::string> reasoning_content;
  std::vector<ToolCall> tool_calls;
};

/// Reads a conversation in the usual JSON form: a list of {role, content, reasoning_content,
/// tool_calls}; other keys are ignored. Content is a string, null, absent or a list of parts.
/// @param where  names the list in errors: "in.jsonl:17"
/// @throws Error{kInvalidData} naming the message and what is wrong with it
std::vector<Message> parse_messages(const OrderedJson& list, std::string_view where);

/// The chat templates that are built in, as compiled code: no template language is interpreted.
enum class ChatTemplateKind {
  kQwen3_5,          ///< think block, tools; strings trimmed. specs/qwen3_5.md 5
  kChatml,           ///< Qwen3 and others: <|im_start|>role\ncontent<|im_end|>\n; nothing trimmed
  kLlama3,           ///< any role in any order; contents trimmed. golden/tokenizer_llama3
  kLlama3_1,         ///< the same with a system turn that holds two dates, always
  kMistralV3,        ///< [INST] with spaces; system text before the last user message; as it is
  kMistralV3Tekken,  ///< the same without the spaces (Nemo)
  kMistralV7Tekken,  ///< [SYSTEM_PROMPT]; golden/tokenizer_tekken
};

/// A template with what its published versions differ in.
struct ChatTemplate {
  ChatTemplateKind kind = ChatTemplateKind::kQwen3_5;
  /// Whether kQwen3_5 thinks when nobody says: true for 4B, 9B, 27B; false for 0.8B, 2B.
  bool thinks_by_default = true;
};

/// The names of specs/config.md `model.chat_template`: "qwen3_5", "llama3.1", ...
std::string_view name_of(ChatTemplateKind kind);
std::optional<ChatTemplateKind> chat_template_named(std::string_view name);
/// All of them, for messages: "qwen3_5, chatml, ...".
std::string chat_template_names();

struct RenderOptions {
  bool add_generation_prompt = true;  ///< Mistral's templates have none
  std::optional<bool> enable_thinking;
  /// Put in front when the conversation has no system message at all.
  std::optional<std::string> system_message;
  std::vector<OrderedJson> tools;          ///< kQwen3_5 only
  std::optional<std::string> date_string;  ///< kLlama3_1: replaces its "26 Jul 2024"
};

/// Text for a model, and where in it stands what came from outside: contents, roles, tool texts.
///
/// encode(text) is what the published templates give; there a user who writes "<|im_end|>" ends his
/// turn. encode(text, outside) keeps such words text. The two agree wherever nobody wrote one,
/// because the text is still tokenised as one string.
struct Rendering {
  std::string text;
  std::vector<ByteRange> outside;  ///< sorted, disjoint, none empty
};

/// What the template makes of a conversation. BOS is part of the text where the template prints it.
/// @throws Error{kInvalidData} where the template refuses the conversation (wrong role or order, no
///         user message, an image in a system message), for an empty conversation, and for tools or
///         images in a template that has no place for them here
Rendering render_chat(const ChatTemplate& chat, const std::vector<Message>& messages,
                      const RenderOptions& options = {});

/// True if the generation prompt leaves a think block open, so that a response starts inside it.
bool opens_thinking(const ChatTemplate& chat, std::optional<bool> enable_thinking);

/// The token that ends an assistant's turn: "<|im_end|>", "<|eot_id|>", "</s>".
std::string_view end_of_turn(ChatTemplateKind kind);

/// How a reference response is written (specs/config.md `hri.reference_text`).
enum class ReferenceStyle {
  kTemplate,   ///< as the template continues its generation prompt
  kPublished,  ///< the published text: repeats "<think>\n" and has one newline behind "</think>"
};

/// The assistant's turn of a reference, to stand behind a prompt rendered with the same thinking
/// (specs/recipe.md 6.0). With reasoning, story and end of turn:
///
///   kPublished:                     <think>\n reasoning \n</think>\n   story EOS
///   kTemplate, block opened:                  reasoning \n</think>\n\n story EOS
///   kTemplate, block not opened:    <think>\n reasoning \n</think>\n\n story EOS
///
/// Without reasoning (thinking off): story EOS. kTemplate trims where the template does, and keeps
/// the space that kMistralV3 puts before an answer.
/// @throws Error{kInvalidData} if reasoning or story holds a think tag
Rendering reference_turn(const ChatTemplate& chat, ReferenceStyle style,
                         std::optional<std::string_view> reasoning, std::string_view story);

/// The two texts one behind the other.
Rendering joined(const Rendering& first, const Rendering& second);

}  // namespace polaris
