#include <gtest/gtest.h>

#include "judge/dialects/claude_models.h"
#include "judge/dialects/dialect_testing.h"

namespace polaris {
namespace {

JudgeConfig claude(const std::string& model = "claude-opus-4-6") {
  return {.dialect = JudgeDialect::kAnthropic, .model = model};
}

TEST(ClaudeVersion, IsReadFromTheName) {
  EXPECT_DOUBLE_EQ(claude_version("claude-opus-4-6"), 4.6);
  EXPECT_DOUBLE_EQ(claude_version("claude-haiku-4-5-20251001"), 4.5);
  EXPECT_DOUBLE_EQ(claude_version("claude-sonnet-4-20250514"), 4.0);
  EXPECT_DOUBLE_EQ(claude_version("claude-3-7-sonnet@20250219"), 3.7);
  EXPECT_DOUBLE_EQ(claude_version("claude-opus-5"), 5.0);
  EXPECT_GT(claude_version("claude-next-preview"), 100);
}

TEST(Anthropic, AsksWithAdaptiveThinkingAndNoTemperature) {
  const JudgeConfig config = claude();
  const ModelQuestion question = test_question();
  const VendorCall call = dialect_of(config).call(config, question);
  EXPECT_EQ(call.url, "https://api.anthropic.com/v1/messages");
  EXPECT_EQ(find_header(call.headers, "anthropic-version"), "2023-06-01");
  EXPECT_EQ(call.body["max_tokens"], 32000);
  EXPECT_EQ(call.body["system"], question.messages.system);
  EXPECT_EQ(call.body["messages"],
            OrderedJson::array({{{"role", "user"}, {"content", question.messages.user}}}));
  EXPECT_EQ(call.body["thinking"], (OrderedJson{{"type", "adaptive"}}));
  EXPECT_EQ(call.body["output_config"]["effort"], "medium");
  EXPECT_EQ(call.body["output_config"]["format"]["type"], "json_schema");
  EXPECT_FALSE(call.body.contains("temperature"));
  EXPECT_FALSE(call.body.contains("service_tier"));
}

TEST(Anthropic, SaysRangesAndLengthsInWords) {
  const OrderedJson body = body_of(claude(), test_question());
  const OrderedJson& schema = body["output_config"]["format"]["schema"];
  const std::string text = schema.dump();
  for (const char* keyword : {"\"minimum\"", "\"maximum\"", "\"maxItems\""})
    EXPECT_EQ(text.find(keyword), std::string::npos) << keyword;
  const OrderedJson& voice = schema["properties"]["voice_style"]["properties"];
  EXPECT_EQ(voice["score"]["description"], "From 0 to 15.");
  EXPECT_EQ(voice["quotes"]["description"],
            "Exact words of the story, at most 12 words per quote. At most 2.");
  EXPECT_EQ(schema["properties"]["bonus"]["properties"]["nearest"]["enum"].size(), 7U);
  EXPECT_EQ(schema["additionalProperties"], false);
}

TEST(Anthropic, AsksOlderModelsWithABudgetBelowTheLimit) {
  const auto body = [](const char* effort, std::int64_t limit) {
    JudgeConfig config = claude("claude-haiku-4-5");
    config.thinking = effort;
    return body_of(config, test_question({.native = true}, limit));
  };
  EXPECT_EQ(body("medium", 32000)["thinking"],
            (OrderedJson{{"type", "enabled"}, {"budget_tokens", 8192}}));
  EXPECT_EQ(body("high", 9000)["thinking"]["budget_tokens"], 9000 - 1024);
  EXPECT_EQ(body("low", 9000)["thinking"]["budget_tokens"], 1024);
  EXPECT_FALSE(body("medium", 32000)["output_config"].contains("effort"));
  EXPECT_EQ(body("medium", 65536)["max_tokens"], 64000);
  EXPECT_EQ(body("none", 32000)["thinking"], (OrderedJson{{"type", "disabled"}}));
  EXPECT_EQ(body("none", 32000)["temperature"], 0.2);
  EXPECT_FALSE(body("", 32000).contains("thinking"));
}

TEST(Anthropic, ReadsTextBlocksAndAddsTheCacheToTheInput) {
  const ModelAnswer answer = read_body(claude(), R"({
    "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-opus-4-6",
    "content": [{"type": "thinking", "thinking": "Hm {", "signature": "x"},
                {"type": "text", "text": "{\"a\":"}, {"type": "text", "text": "1}"}],
    "stop_reason": "end_turn", "stop_sequence": null,
    "usage": {"input_tokens": 100, "cache_creation_input_tokens": 30,
              "cache_read_input_tokens": 4000, "output_tokens": 900,
              "output_tokens_details": {"thinking_tokens": 300}, "service_tier": "standard"}})");
  EXPECT_EQ(answer.text, "{\"a\":1}");
  EXPECT_EQ(answer.finish, ModelFinish::kStop);
  EXPECT_EQ(answer.usage.input_tokens, 4130);
  EXPECT_EQ(answer.usage.cached_input_tokens, 4000);
  EXPECT_EQ(answer.usage.output_tokens, 900);
  EXPECT_EQ(answer.usage.reasoning_tokens, 300);
  EXPECT_EQ(answer.service_tier, "standard");
}

TEST(Anthropic, ReadsWhyAnAnswerEnded) {
  const auto read = [](const char* json) { return read_body(claude(), json); };
  EXPECT_EQ(read(R"({"stop_reason":"max_tokens","content":[]})").finish, ModelFinish::kLength);
  EXPECT_EQ(read(R"({"stop_reason":"model_context_window_exceeded"})").finish,
            ModelFinish::kLength);
  const ModelAnswer refused = read(R"({"stop_reason":"refusal","content":[],
    "stop_details":{"type":"refusal","category":null,"explanation":"Not this."}})");
  EXPECT_EQ(refused.finish, ModelFinish::kRefused);
  EXPECT_EQ(refused.refusal, "Not this.");
  for (const char* broken : {"{}", "[]", R"({"content":"text"})", R"({"content":[3,{"type":7}]})"})
    EXPECT_EQ(read(broken).text, "") << broken;
}

}  // namespace
}  // namespace polaris
