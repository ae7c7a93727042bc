#include <gtest/gtest.h>

#include "judge/dialects/dialect_testing.h"

namespace polaris {
namespace {

JudgeConfig chat(const std::string& model) {
  return {
      .dialect = JudgeDialect::kOpenai, .base_url = "https://api.openai.com/v1/", .model = model};
}
JudgeConfig responses(const std::string& model) {
  JudgeConfig config = chat(model);
  config.api = JudgeApi::kResponses;
  return config;
}

TEST(OpenaiChat, AsksAReasoningModelWithoutWhatItRefuses) {
  JudgeConfig config = chat("gpt-5.4");
  config.tier = JudgeTier::kFlex;
  const ModelQuestion question = test_question();
  const VendorCall call = dialect_of(config).call(config, question);
  EXPECT_EQ(call.url, "https://api.openai.com/v1/chat/completions");
  EXPECT_TRUE(call.headers.empty());
  const OrderedJson& body = call.body;
  EXPECT_EQ(body["model"], "gpt-5.4");
  EXPECT_EQ(body["messages"][0]["role"], "system");
  EXPECT_EQ(body["messages"][0]["content"], question.messages.system);
  EXPECT_EQ(body["messages"][1]["content"], question.messages.user);
  EXPECT_EQ(body["max_completion_tokens"], 32000);
  EXPECT_EQ(body["reasoning_effort"], "medium");
  EXPECT_EQ(body["service_tier"], "flex");
  EXPECT_FALSE(body.contains("max_tokens"));
  EXPECT_FALSE(body.contains("temperature"));
  EXPECT_FALSE(body.contains("top_p"));
  const OrderedJson& format = body["response_format"];
  EXPECT_EQ(format["type"], "json_schema");
  EXPECT_EQ(format["json_schema"]["name"], "story_quality_answer");
  EXPECT_EQ(format["json_schema"]["strict"], true);
  EXPECT_EQ(format["json_schema"]["schema"]["type"], "object");
  EXPECT_FALSE(format["json_schema"]["schema"].contains("$schema"));
}

// golden/eval `openai_chat_params`, the cases that name their output limit: what is sent is the
// same, less the verbosity that is the vendor's default anyway.
TEST(OpenaiChat, SendsTheParametersOfTheGoldenCases) {
  int compared = 0;
  for (const OrderedJson& c : golden_eval_cases("openai_chat_params")) {
    const OrderedJson& sampling = c["input"]["engine"]["sampling"];
    if (!sampling.contains("max_tokens") && !sampling.contains("max_new_tokens")) continue;
    JudgeConfig config = chat(c["input"]["engine"]["model"].get<std::string>());
    config.temperature = sampling.value("temperature", config.temperature);
    config.thinking = sampling.value("reasoning_effort", config.thinking);
    const auto limit = sampling.value("max_tokens", sampling.value("max_new_tokens", 0));
    OrderedJson sent = body_of(config, test_question({}, limit));
    sent.erase("model");
    sent.erase("messages");
    OrderedJson expected = c["expected"];
    expected.erase("verbosity");
    EXPECT_EQ(Json(sent), Json(expected)) << c["name"];
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

TEST(OpenaiChat, AsksALocalServerInTheOlderWords) {
  const OrderedJson body =
      body_of(chat("olmo-3"), test_question({.native = true, .in_prompt = true}));
  EXPECT_EQ(body["max_tokens"], 32000);
  EXPECT_EQ(body["temperature"], 0.2);
  EXPECT_EQ(body["top_p"], 0.9);
  EXPECT_FALSE(body.contains("reasoning_effort"));
  EXPECT_FALSE(body.contains("service_tier"));
  EXPECT_NE(
      body["messages"][0]["content"].get<std::string>().find("\"additionalProperties\":false"),
      std::string::npos);
  EXPECT_EQ(body_of(chat("openai/gpt-oss-120b"), test_question())["reasoning_effort"], "medium");
}

TEST(OpenaiChat, TurnsAnOpenModelsThinkingOffInItsTemplate) {
  const auto kwargs = [](const std::string& model, const std::string& thinking) {
    JudgeConfig config = chat(model);
    config.thinking = thinking;
    return Json(body_of(config, test_question())).value("chat_template_kwargs", Json());
  };
  EXPECT_EQ(kwargs("qwen3.5-9b", "none"), (Json{{"enable_thinking", false}}));
  EXPECT_TRUE(kwargs("qwen3.5-9b", "medium").is_null());
  EXPECT_TRUE(kwargs("gpt-4o", "none").is_null());
  EXPECT_TRUE(kwargs("openai/gpt-oss-120b", "none").is_null());
}

TEST(OpenaiChat, SendsAGrammarInPlaceOfTheSchema) {
  const OrderedJson body = body_of(chat("local"), test_question({.grammar = true}));
  EXPECT_FALSE(body.contains("response_format"));
  EXPECT_NE(body["grammar"].get<std::string>().find("root ::="), std::string::npos);
  EXPECT_EQ(body["structured_outputs"]["grammar"], body["grammar"]);
}

TEST(OpenaiChat, NeverAsksForMoreOutputThanThereIs) {
  EXPECT_EQ(body_of(chat("gpt-5.4"), test_question({}, 262144))["max_completion_tokens"], 128000);
  EXPECT_EQ(body_of(chat("local"), test_question({}, 262144))["max_tokens"], 262144);
}

TEST(OpenaiChat, ReadsAnAnswer) {
  const ModelAnswer answer = read_body(chat("gpt-5.4"), R"({
    "id": "chatcmpl-Bx1", "object": "chat.completion", "created": 1762000000,
    "model": "gpt-5.4-2026-03-05",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "{\"a\":1}",
                 "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7200, "completion_tokens": 4100, "total_tokens": 11300,
              "prompt_tokens_details": {"cached_tokens": 4096, "audio_tokens": 0},
              "completion_tokens_details": {"reasoning_tokens": 1600}},
    "service_tier": "flex", "system_fingerprint": null})");
  EXPECT_EQ(answer.text, "{\"a\":1}");
  EXPECT_EQ(answer.finish, ModelFinish::kStop);
  EXPECT_EQ(answer.served_model, "gpt-5.4-2026-03-05");
  EXPECT_EQ(answer.service_tier, "flex");
  EXPECT_EQ(answer.request_id, "chatcmpl-Bx1");
  EXPECT_EQ(answer.usage.input_tokens, 7200);
  EXPECT_EQ(answer.usage.cached_input_tokens, 4096);
  EXPECT_EQ(answer.usage.output_tokens, 4100);
  EXPECT_EQ(answer.usage.reasoning_tokens, 1600);
}

TEST(OpenaiChat, ReadsWhyAnAnswerEnded) {
  const auto finish = [](const char* json) { return read_body(chat("gpt-5.4"), json).finish; };
  EXPECT_EQ(finish(R"({"choices":[{"message":{"content":"{"},"finish_reason":"length"}]})"),
            ModelFinish::kLength);
  EXPECT_EQ(finish(R"({"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]})"),
            ModelFinish::kBlocked);
  EXPECT_EQ(finish(R"({"choices":[{"message":{"content":null,"refusal":"I'm sorry."},
                       "finish_reason":"stop"}]})"),
            ModelFinish::kRefused);
  EXPECT_EQ(finish(R"({"choices":[{"message":{"content":"x","tool_calls":[]},
                       "finish_reason":"tool_calls"}]})"),
            ModelFinish::kStop);
}

TEST(OpenaiChat, LeavesALocalModelsReasoningOut) {
  const ModelAnswer answer = read_body(chat("qwen"), R"({"choices":[{"message":{
    "role":"assistant","reasoning_content":"Let me see {","content":[{"type":"text","text":"{}"}]},
    "finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}})");
  EXPECT_EQ(answer.text, "{}");
  EXPECT_EQ(answer.usage.output_tokens, 2);
}

TEST(OpenaiChat, BrokenBodiesAreEmptyAnswers) {
  for (const char* json :
       {"{}", "[]", "null", "3", R"({"choices":null})", R"({"choices":[]})",
        R"({"choices":[{"message":"x"}],"usage":7})", R"({"choices":{"0":1}})",
        R"({"choices":[{"message":{"content":{"a":1}}}],"usage":{"prompt_tokens":-5}})",
        R"({"usage":{"prompt_tokens":1e300,"completion_tokens":"9"}})"}) {
    const ModelAnswer answer = read_body(chat("m"), json);
    EXPECT_EQ(answer.text, "") << json;
    EXPECT_EQ(answer.usage.input_tokens, 0) << json;
  }
}

TEST(OpenaiResponses, AsksWithTheFlattenedSchema) {
  const VendorCall call =
      dialect_of(responses("gpt-5.4")).call(responses("gpt-5.4"), test_question());
  EXPECT_EQ(call.url, "https://api.openai.com/v1/responses");
  EXPECT_EQ(call.body["input"][1]["role"], "user");
  EXPECT_EQ(call.body["max_output_tokens"], 32000);
  EXPECT_EQ(call.body["reasoning"]["effort"], "medium");
  EXPECT_EQ(call.body["store"], false);
  const OrderedJson& format = call.body["text"]["format"];
  EXPECT_EQ(format["type"], "json_schema");
  EXPECT_EQ(format["name"], "story_quality_answer");
  EXPECT_EQ(format["schema"]["type"], "object");
  EXPECT_FALSE(call.body.contains("temperature"));
}

TEST(OpenaiResponses, ReadsTextBetweenReasoningItems) {
  const ModelAnswer answer = read_body(responses("gpt-5.4"), R"({
    "id": "resp_1", "object": "response", "status": "completed", "error": null,
    "incomplete_details": null, "model": "gpt-5.4-2026-03-05",
    "output": [{"type": "reasoning", "id": "rs_1", "summary": []},
               {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "{\"a\"", "annotations": []},
                            {"type": "output_text", "text": ":1}"}]}],
    "service_tier": "default",
    "usage": {"input_tokens": 80, "input_tokens_details": {"cached_tokens": 64},
              "output_tokens": 40, "output_tokens_details": {"reasoning_tokens": 30},
              "total_tokens": 120}})");
  EXPECT_EQ(answer.text, "{\"a\":1}");
  EXPECT_EQ(answer.finish, ModelFinish::kStop);
  EXPECT_EQ(answer.usage.cached_input_tokens, 64);
  EXPECT_EQ(answer.usage.reasoning_tokens, 30);
  EXPECT_EQ(answer.request_id, "resp_1");
}

TEST(OpenaiResponses, ReadsWhyAnAnswerEnded) {
  const auto finish = [](const char* json) { return read_body(responses("m"), json).finish; };
  EXPECT_EQ(finish(R"({"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},
                       "output":[]})"),
            ModelFinish::kLength);
  EXPECT_EQ(finish(R"({"status":"incomplete","incomplete_details":{"reason":"content_filter"}})"),
            ModelFinish::kBlocked);
  EXPECT_EQ(finish(R"({"output":[{"type":"message","content":[
                       {"type":"refusal","refusal":"No."}]}]})"),
            ModelFinish::kRefused);
  EXPECT_EQ(finish(R"({"output":{"type":"message"}})"), ModelFinish::kStop);
}

}  // namespace
}  // namespace polaris
