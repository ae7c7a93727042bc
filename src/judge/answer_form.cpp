#include "judge/answer_form.h"

#include <algorithm>
#include <span>
#include <string>

#include "judge/dialects/claude_models.h"
#include "text/unicode.h"

namespace polaris {
namespace {

bool has_prefix(const std::string& name, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

constexpr std::string_view kOpenai[] = {"gpt-4o", "gpt-4.1", "gpt-5", "o1", "o3", "o4"};
constexpr std::string_view kGemini[] = {"gemini-2.", "gemini-3"};

}  // namespace

bool has_native_schema(JudgeDialect dialect, std::string_view model) {
  const std::string name = lower(model);
  switch (dialect) {
    case JudgeDialect::kOpenai:
      return has_prefix(name, kOpenai);
    case JudgeDialect::kGemini:
    case JudgeDialect::kVertex:
      return has_prefix(name, kGemini);
    case JudgeDialect::kAnthropic:
      return claude_version(name) >= 4.5;
  }
  return false;
}

AnswerForm answer_form(SchemaMode mode, JudgeDialect dialect, std::string_view model) {
  switch (mode) {
    case SchemaMode::kNative:
      return {.native = true};
    case SchemaMode::kGrammar:
      return {.grammar = true, .in_prompt = true};
    case SchemaMode::kPrompt:
      return {.in_prompt = true};
    case SchemaMode::kAuto:
      break;
  }
  if (has_native_schema(dialect, model)) return {.native = true};
  return {.native = dialect == JudgeDialect::kOpenai, .in_prompt = true};
}

std::optional<AnswerForm> weaker_form(const AnswerForm& form, JudgeDialect dialect, JudgeApi api) {
  const bool takes_grammar = dialect == JudgeDialect::kOpenai && api == JudgeApi::kChat;
  if (form.native && takes_grammar) return AnswerForm{.grammar = true, .in_prompt = true};
  if (form.native || form.grammar) return AnswerForm{.in_prompt = true};
  return std::nullopt;
}

}  // namespace polaris
