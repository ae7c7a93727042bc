#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "judge/dialects/dialect_testing.h"
#include "judge/dialects/gemini_schema.h"

namespace polaris {
namespace {

JudgeConfig gemini(const std::string& model = "gemini-3-flash-preview") {
  return {.dialect = JudgeDialect::kGemini, .model = model};
}
JudgeConfig vertex() {
  return {.dialect = JudgeDialect::kVertex, .model = "gemini-3-flash-preview", .project = "p-1"};
}

/// Every run of white space as one blank, as the reference's evaluation sends the system text.
std::string in_one_line(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

TEST(Gemini, AsksWithTheWholeSystemTextAndTheSchema) {
  JudgeConfig config = gemini();
  config.tier = JudgeTier::kFlex;
  const ModelQuestion question = test_question();
  const VendorCall call = dialect_of(config).call(config, question);
  EXPECT_EQ(call.url,
            "https://generativelanguage.googleapis.com/v1beta/models/"
            "gemini-3-flash-preview:generateContent");
  const OrderedJson& body = call.body;
  // With its line breaks: the reference's evaluation folds them (specs/evaluation.md 10.3).
  EXPECT_EQ(body["systemInstruction"]["parts"][0]["text"], question.messages.system);
  EXPECT_EQ(body["contents"].size(), 1U);
  EXPECT_EQ(body["contents"][0]["role"], "user");
  EXPECT_EQ(body["contents"][0]["parts"][0]["text"], question.messages.user);
  const OrderedJson& generation = body["generationConfig"];
  EXPECT_EQ(generation["temperature"], 0.2);
  EXPECT_EQ(generation["topP"], 0.9);
  EXPECT_EQ(generation["maxOutputTokens"], 32000);
  EXPECT_EQ(generation["responseMimeType"], "application/json");
  EXPECT_EQ(generation["responseJsonSchema"], *question.schema);
  EXPECT_EQ(generation["thinkingConfig"]["thinkingLevel"], "MEDIUM");
  EXPECT_EQ(body["serviceTier"], "flex");
}

// golden/eval `gemini_online_messages`, the cases of one question. The reference sends the same
// texts, but folds the system text into one line: a quirk that is not repeated.
TEST(Gemini, SendsTheReferencesMessagesWithTheirLineBreaks) {
  int compared = 0;
  for (const OrderedJson& c : golden_eval_cases("gemini_online_messages")) {
    ModelQuestion question = test_question();
    question.messages = {};
    std::size_t users = 0;
    for (const OrderedJson& message : c["input"]["messages"]) {
      const auto text = message["content"].get<std::string>();
      if (message["role"] == "system") question.messages.system = text;
      if (message["role"] != "user") continue;
      question.messages.user = text;
      ++users;
    }
    if (users != 1) continue;  // of a conversation the reference sends the last message only
    const OrderedJson body = body_of(gemini(), question);
    const auto system = body["systemInstruction"]["parts"][0]["text"].get<std::string>();
    EXPECT_EQ(system, question.messages.system) << c["name"];
    EXPECT_EQ(in_one_line(system), c["expected"]["system_instruction"]) << c["name"];
    EXPECT_EQ(body["contents"][0]["parts"][0]["text"], c["expected"]["contents"]) << c["name"];
    ++compared;
  }
  EXPECT_EQ(compared, 2);
}

TEST(Gemini, AsksForThoughtInTheWordsOfTheModelsGeneration) {
  const auto thinking = [](const char* model, const char* effort) {
    JudgeConfig config = gemini(model);
    config.thinking = effort;
    return body_of(config, test_question())["generationConfig"].value("thinkingConfig",
                                                                      OrderedJson());
  };
  EXPECT_EQ(thinking("gemini-2.5-pro", "medium"), (OrderedJson{{"thinkingBudget", 8192}}));
  EXPECT_EQ(thinking("gemini-2.5-flash", "none"), (OrderedJson{{"thinkingBudget", 0}}));
  EXPECT_EQ(thinking("gemini-3.1-pro-preview", "none"),
            (OrderedJson{{"thinkingLevel", "MINIMAL"}}));
  EXPECT_EQ(thinking("gemini-3.1-pro-preview", "xhigh"), (OrderedJson{{"thinkingLevel", "HIGH"}}));
  EXPECT_TRUE(thinking("gemini-3-flash-preview", "").is_null());
  EXPECT_TRUE(thinking("gemini-1.5-pro", "medium").is_null());
}

TEST(Gemini, NeverAsksForMoreOutputThanThereIs) {
  EXPECT_EQ(body_of(gemini(), test_question({}, 131072))["generationConfig"]["maxOutputTokens"],
            65536);
}

TEST(Gemini, OlderModelsGetTheirOwnDialectOfSchema) {
  const auto generation = body_of(gemini("gemini-2.0-flash"), test_question())["generationConfig"];
  EXPECT_FALSE(generation.contains("responseJsonSchema"));
  const OrderedJson& schema = generation["responseSchema"];
  EXPECT_EQ(schema.dump().find("additionalProperties"), std::string::npos);
  EXPECT_EQ(schema["propertyOrdering"], schema["required"]);
  EXPECT_EQ(schema["properties"]["bonus"]["propertyOrdering"][2], "nearest");
}

TEST(Gemini, NamesAModelSafelyInTheUrl) {
  const JudgeConfig config = gemini("odd name/../x?key=1");
  EXPECT_EQ(dialect_of(config).call(config, test_question()).url,
            "https://generativelanguage.googleapis.com/v1beta/models/"
            "odd%20name%2F..%2Fx%3Fkey%3D1:generateContent");
}

TEST(Vertex, AsksForTheTierInHeaders) {
  JudgeConfig config = vertex();
  EXPECT_TRUE(dialect_of(config).call(config, test_question()).headers.empty());
  config.tier = JudgeTier::kFlex;
  const VendorCall call = dialect_of(config).call(config, test_question());
  EXPECT_EQ(call.url,
            "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/google/"
            "models/gemini-3-flash-preview:generateContent");
  EXPECT_EQ(find_header(call.headers, "x-vertex-ai-llm-request-type"), "shared");
  EXPECT_EQ(find_header(call.headers, "x-vertex-ai-llm-shared-request-type"), "flex");
  EXPECT_FALSE(call.body.contains("serviceTier"));
}

TEST(Vertex, HasAHostPerLocation) {
  JudgeConfig config = vertex();
  config.location = "europe-west4";
  EXPECT_TRUE(dialect_of(config)
                  .call(config, test_question())
                  .url.starts_with("https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/"
                                   "locations/europe-west4/"));
}

TEST(Gemini, ReadsTextWithoutThoughtsAndCountsThemAsOutput) {
  const ModelAnswer answer = read_body(gemini(), R"({
    "candidates": [{"content": {"parts": [{"text": "Weighing {", "thought": true},
                                          {"text": "{\"a\":", "thoughtSignature": "Zm9v"},
                                          {"text": "1}"}], "role": "model"},
                    "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 7000, "candidatesTokenCount": 2500,
                      "totalTokenCount": 11500, "thoughtsTokenCount": 2000,
                      "cachedContentTokenCount": 3500, "trafficType": "ON_DEMAND_FLEX"},
    "modelVersion": "gemini-3-flash-preview", "responseId": "r-1"})");
  EXPECT_EQ(answer.text, "{\"a\":1}");
  EXPECT_EQ(answer.finish, ModelFinish::kStop);
  EXPECT_EQ(answer.usage.input_tokens, 7000);
  EXPECT_EQ(answer.usage.cached_input_tokens, 3500);
  EXPECT_EQ(answer.usage.output_tokens, 4500);
  EXPECT_EQ(answer.usage.reasoning_tokens, 2000);
  EXPECT_EQ(answer.service_tier, "ON_DEMAND_FLEX");
  EXPECT_EQ(answer.request_id, "r-1");
}

TEST(Gemini, ReadsWhyAnAnswerEnded) {
  const auto read = [](const char* json) { return read_body(gemini(), json); };
  EXPECT_EQ(read(R"({"candidates":[{"finishReason":"MAX_TOKENS"}]})").finish, ModelFinish::kLength);
  for (const char* reason : {"SAFETY", "RECITATION", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST"}) {
    const auto json = fmt::format(R"({{"candidates":[{{"finishReason":"{}"}}]}})", reason);
    EXPECT_EQ(read(json.c_str()).finish, ModelFinish::kBlocked) << reason;
  }
  const ModelAnswer blocked = read(R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},
    "usageMetadata":{"promptTokenCount":9},"modelVersion":"gemini-3-flash-preview"})");
  EXPECT_EQ(blocked.finish, ModelFinish::kBlocked);
  EXPECT_EQ(blocked.refusal, "PROHIBITED_CONTENT");
  EXPECT_EQ(blocked.usage.input_tokens, 9);
  EXPECT_EQ(read(R"({"candidates":[{"content":{"parts":[{"text":"{}"}]},"finishReason":"OTHER"}]})")
                .finish,
            ModelFinish::kStop);
  for (const char* broken :
       {"{}", "[]", R"({"candidates":7})", R"({"candidates":[{"content":[]}]})",
        R"({"candidates":[{"content":{"parts":[1,{"text":2}]}}]})"})
    EXPECT_EQ(read(broken).text, "") << broken;
}

TEST(SanitizeSchema, AgreesWithTheGoldenCases) {
  const std::set<std::string> other_options = {
      // options of the reference that no preset uses
      "schema/enum_drop",           "schema/enum_string",
      "schema/const_float_drop",    "schema/no_pattern_strip",
      "gemini_schema/pattern_kept",  // the evaluation's own variant
  };
  auto cases = golden_reward_cases("sanitize_schema");
  for (auto& c : golden_eval_cases("gemini_schema_sanitize_eval")) cases.push_back(c);
  int compared = 0;
  for (const OrderedJson& c : cases) {
    if (other_options.contains(c["name"].get<std::string>())) continue;
    EXPECT_EQ(Json(sanitize_schema(c["input"]["schema"])), Json(c["expected"])) << c["name"];
    ++compared;
  }
  EXPECT_EQ(compared, 10);
}

}  // namespace
}  // namespace polaris
