#include "judge/form_memory.h"

#include <utility>

namespace polaris {
namespace {

constexpr std::pair<std::string_view, AnswerForm> kNames[] = {
    {"native", {.native = true}},
    {"native, prompt", {.native = true, .in_prompt = true}},
    {"grammar, prompt", {.grammar = true, .in_prompt = true}},
    {"prompt", {.in_prompt = true}},
};

}  // namespace

FormMemory::FormMemory(const JudgeConfig& config)
    : dialect_(config.dialect),
      api_(config.api),
      may_change_(config.schema == SchemaMode::kAuto),
      form_(answer_form(config.schema, config.dialect, config.model)) {}

void FormMemory::recall(std::string_view name) {
  if (!may_change_) return;
  for (const auto& [known, form] : kNames) {
    if (known == name) form_ = form;
  }
}

std::string FormMemory::name() const {
  for (const auto& [known, form] : kNames) {
    if (form == form_) return std::string(known);
  }
  return "";
}

bool FormMemory::answered(const AnswerForm& form) {
  if (form != form_ || is_settled_) return false;
  is_settled_ = true;
  return true;
}

bool FormMemory::refused(const AnswerForm& form) {
  constexpr int kEnough = 2;
  if (!may_change_ || form != form_ || is_settled_ || ++refusals_ < kEnough) return false;
  const auto weaker = weaker_form(form_, dialect_, api_);
  if (!weaker) return false;
  form_ = *weaker;
  refusals_ = 0;
  return true;
}

}  // namespace polaris
