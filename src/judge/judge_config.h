#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace polaris {

enum class JudgeKind { kLexical, kHttp, kReplay, kNone };
std::vector<std::string> enum_names(JudgeKind);

enum class JudgeDialect { kOpenai, kGemini, kVertex, kAnthropic };
std::vector<std::string> enum_names(JudgeDialect);

enum class JudgeTier { kDefault, kFlex, kPriority };
std::vector<std::string> enum_names(JudgeTier);

enum class JudgeApi { kChat, kResponses };
std::vector<std::string> enum_names(JudgeApi);

enum class UserMessage { kMarked, kPublished };
std::vector<std::string> enum_names(UserMessage);

enum class JudgeRetry { kAll, kTimeouts };
std::vector<std::string> enum_names(JudgeRetry);

enum class EmptyAnswer { kFailure, kZero };
std::vector<std::string> enum_names(EmptyAnswer);

enum class SchemaMode { kAuto, kNative, kGrammar, kPrompt };
std::vector<std::string> enum_names(SchemaMode);

/// [judge], and [eval.judge] for the held-out one. Source: specs/evaluation.md 2 and 10.
struct JudgeConfig {
  JudgeKind kind = JudgeKind::kLexical;
  JudgeDialect dialect = JudgeDialect::kOpenai;
  std::string base_url;
  std::string model;
  std::string api_key_env;
  JudgeTier tier = JudgeTier::kDefault;
  std::int64_t flex_refusals = 0;
  JudgeApi api = JudgeApi::kChat;
  std::string project;
  std::string location = "global";
  std::string prices;
  std::string replay;
  UserMessage user_message = UserMessage::kMarked;
  JudgeRetry retry = JudgeRetry::kAll;
  EmptyAnswer empty_answer = EmptyAnswer::kFailure;
  double temperature = 0.2;
  double top_p = 0.9;
  std::string thinking = "medium";
  std::int64_t max_output_tokens = 65536;
  std::int64_t context_tokens = 0;
  SchemaMode schema = SchemaMode::kAuto;
  std::int64_t concurrency = 32;
  std::int64_t max_attempts = 6;
  double retry_base_delay_s = 1.0;
  double deadline_s = 0;
  std::int64_t repeats = 1;
  std::vector<std::string> panel;
  std::string cache;
  double budget_usd = 0.0;
  std::string record;

  void fields(FieldList& list);
  void validate() const;
};

/// All judges of a configuration: itself, and for each entry of `panel` a copy with the keys that
/// the entry changes ("model=gemini-3-flash-preview dialect=gemini api_key_env=GEMINI_API_KEY").
/// What concerns the whole panel (repeats, cache, budget_usd, record) is no entry's to change.
/// @throws Error{kInvalidConfig} naming the entry
std::vector<JudgeConfig> judges_of(const JudgeConfig& config);

}  // namespace polaris
