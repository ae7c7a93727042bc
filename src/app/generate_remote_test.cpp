// `polaris generate` with writers elsewhere: servers in the test's process.

#include <gtest/gtest.h>

#include <mutex>

#include "app/binary_testing.h"
#include "base/loopback_server.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

std::string event(const Json& data) { return "data: " + data.dump() + "\n\n"; }

/// A vendor that writes "Story of <prompt>.", in the words of each interface.
Reply vendor_answer(const std::string& target, const Json& body) {
  if (target == "/v1/chat/completions") {
    const auto prompt = body.at("messages").back().at("content").get<std::string>();
    return {.headers = {{"content-type", "text/event-stream"}},
            .body = event({{"choices", Json::array({{{"delta", {{"reasoning", "Hm."}}}}})}}) +
                    event({{"choices", Json::array({{{"delta", {{"content", "Story of "}}}}})}}) +
                    event({{"choices", Json::array({{{"delta", {{"content", prompt + "."}}},
                                                     {"finish_reason", "stop"}}})}}) +
                    event({{"choices", Json::array()},
                           {"usage", {{"prompt_tokens", 1000}, {"completion_tokens", 100}}}}) +
                    "data: [DONE]\n\n"};
  }
  Json answer;
  if (target == "/v1/messages") {
    const auto prompt = body.at("messages").at(0).at("content").get<std::string>();
    answer = {{"content", {{{"type", "text"}, {"text", "Story of " + prompt + "."}}}},
              {"stop_reason", "end_turn"},
              {"usage", {{"input_tokens", 1000}, {"output_tokens", 100}}}};
    answer["content"] = Json::array({{{"type", "text"}, {"text", "Story of " + prompt + "."}}});
  } else {
    const auto prompt = body.at("contents").at(0).at("parts").at(0).at("text").get<std::string>();
    Json parts = Json::array({{{"text", "Story of " + prompt + "."}}});
    Json candidate = {{"finishReason", "STOP"}, {"content", {{"parts", parts}}}};
    answer = {{"candidates", Json::array({candidate})},
              {"usageMetadata", {{"promptTokenCount", 1000}, {"candidatesTokenCount", 100}}}};
  }
  return {.headers = {{"content-type", "application/json"}}, .body = answer.dump()};
}

class GenerateRemote : public testing::Test {
 protected:
  GenerateRemote() {
    put_file(folder / "prices.json", R"({"models":{"m":{"as_of":"2026-06","source":"test",)"
                                     R"("default":{"input":1,"output":10}}}})");
    put_file(folder / "in.jsonl",
             "{\"id\":\"a\",\"prompt\":\"a boat\"}\n{\"id\":\"b\",\"prompt\":\"a “lamp”\"}\n");
  }

  BinaryResult run(const std::string& dialect, std::vector<std::string> more = {}) const {
    const auto path = [&](const char* name) { return (folder / name).string(); };
    std::vector<std::string> arguments = {"generate", "--in", path("in.jsonl"), "--out",
                                          path("out.jsonl")};
    const std::string url = server.url(dialect == "openai" ? "/v1" : "");
    for (const std::string& assignment :
         {std::string("engine=remote"), "remote.server=" + dialect, "remote.base_url=" + url,
          std::string("remote.model=m"), "remote.prices=" + path("prices.json"),
          std::string("remote.retry_base_delay_s=0.001"), std::string("top_k=0"),
          std::string("repetition_penalty=1")}) {
      arguments.emplace_back("--set");
      arguments.push_back("rollout." + assignment);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }

  std::vector<OrderedJson> output() const {
    return lines_of(real_file_system().read(folder / "out.jsonl"));
  }

  const TempFolder folder;
  std::vector<Json> bodies;
  std::optional<Reply> instead;
  LoopbackServer server{[this](const ServerRequest& request) {
    bodies.push_back(Json::parse(request.body));
    return instead ? *instead : vendor_answer(request.target, bodies.back());
  }};
};

TEST_F(GenerateRemote, WritesBaselinesWithEveryVendorAndSaysWhatTheyCost) {
  for (const char* dialect : {"openai", "anthropic", "gemini"}) {
    SCOPED_TRACE(dialect);
    bodies.clear();
    fs::remove(folder / "out.jsonl");
    const BinaryResult result = run(dialect, {"--samples", "2"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto lines = output();
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[0]["story"], "Story of a boat.");
    EXPECT_EQ(lines[3]["text"], "Story of a “lamp”.");
    EXPECT_EQ(lines[3]["id"], "b");
    EXPECT_EQ(lines[3]["sample"], 1);
    EXPECT_EQ(lines[3]["words"], 4);
    EXPECT_EQ(lines[3]["stop"], "eos");
    EXPECT_EQ(lines[3]["model"], "m");
    EXPECT_TRUE(lines[3]["tokens"].is_null());
    EXPECT_TRUE(lines[3]["logprobs"].is_null());
    EXPECT_DOUBLE_EQ(lines[3]["cost_usd"].get<double>(), 0.002);
    EXPECT_NE(result.err.find("cost: $0.0080 for 4 stories"), std::string::npos) << result.err;
    EXPECT_EQ(bodies.size(), 4U);
    for (const Json& body : bodies) {  // nothing empty is sent
      EXPECT_FALSE(body.contains("system") || body.contains("systemInstruction"));
      EXPECT_EQ(body.value("messages", Json::array({0})).size(), 1U);
    }
  }
}

TEST_F(GenerateRemote, GoesOnBehindWhatIsWrittenAndWithinItsBudget) {
  const std::vector<std::string> budget = {"--set", "rollout.remote.budget_usd=0.004",
                                           "--max-new-tokens", "250"};
  auto with_samples = budget;
  with_samples.insert(with_samples.end(),
                      {"--samples", "2", "--set", "rollout.remote.concurrency=1"});
  const BinaryResult first = run("openai", with_samples);
  EXPECT_EQ(first.exit_code, 7) << first.err;  // the second could cost 0.0026 at most
  EXPECT_NE(first.err.find("rollout.remote.budget_usd"), std::string::npos);
  EXPECT_EQ(output().size(), 1U);
  with_samples[1] = "rollout.remote.budget_usd=1";
  const BinaryResult second = run("openai", with_samples);
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(output().size(), 4U);
  EXPECT_EQ(bodies.size(), 4U);
  EXPECT_NE(second.err.find("for 3 stories"), std::string::npos) << second.err;
}

TEST_F(GenerateRemote, RefusesWhatAVendorCannotDo) {
  const BinaryResult sampling =
      run("gemini", {"--set", "rollout.top_k=20", "--set", "rollout.repetition_penalty=1.1"});
  EXPECT_EQ(sampling.exit_code, 2);
  EXPECT_NE(sampling.err.find("rollout.top_k = 0, rollout.repetition_penalty = 1"),
            std::string::npos)
      << sampling.err;
  put_file(folder / "in.jsonl", "{\"id\":\"a\",\"tokens\":[1]}\n");
  EXPECT_EQ(run("gemini").exit_code, 3);
  put_file(folder / "in.jsonl", R"({"id":"a","messages":[{"role":"system","content":"s"},)"
                                R"({"role":"user","content":"u"}]})");
  const BinaryResult messages = run("gemini");
  EXPECT_EQ(messages.exit_code, 3);
  EXPECT_NE(messages.err.find("model.system_message"), std::string::npos) << messages.err;
  EXPECT_TRUE(bodies.empty());
}

TEST_F(GenerateRemote, NamesTheStoryThatCouldNotBeWritten) {
  instead = Reply{.status = 503, .body = "overloaded"};
  const BinaryResult result = run("anthropic", {"--set", "rollout.remote.max_attempts=2"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_NE(result.err.find("sample 0: attempt 2 failed: HTTP 503: overloaded"), std::string::npos)
      << result.err;
}

// vLLM as it answers to generate: weights of its own, whatever they are called.
TEST_F(GenerateRemote, WritesWithAServerOfTokenIds) {
  LoopbackServer vllm([&](const ServerRequest& request) -> Reply {
    if (request.target == "/v1/models")
      return {.body =
                  Json{{"data", Json::array({{{"id", "tiny"}, {"max_model_len", 512}}})}}.dump()};
    if (request.target != "/v1/completions") return {.status = 404};
    const Json body = Json::parse(request.body);
    bodies.push_back(body);
    const Json ids = {11, 12, body.at("stop_token_ids").at(0)};
    Json choice = {{"text", "x"},
                   {"token_ids", ids},
                   {"finish_reason", "stop"},
                   {"prompt_token_ids", body.at("prompt")},
                   {"logprobs", {{"token_logprobs", {-0.5, -1.0, -1.5}}}}};
    return {.headers = {{"content-type", "text/event-stream"}},
            .body = event({{"model", "tiny"}, {"choices", Json::array({choice})}}) +
                    "data: [DONE]\n\n"};
  });
  const std::string model = POLARIS_SOURCE_DIR "/assets/tiny";
  const BinaryResult result =
      run_polaris({"generate", "--model", model, "--in", (folder / "in.jsonl").string(), "--out",
                   (folder / "out.jsonl").string(), "--max-new-tokens", "100", "--set",
                   "rollout.engine=remote", "--set", "rollout.remote.base_url=" + vllm.url("/v1")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto lines = output();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["tokens"][1], 12);
  EXPECT_EQ(lines[0]["logprobs"], (OrderedJson{-0.5, -1.0, -1.5}));
  EXPECT_TRUE(lines[0]["sampled_logprobs"].is_null());
  EXPECT_TRUE(lines[0]["text"].is_string());
  EXPECT_GT(bodies.at(0).at("prompt").size(), 5U);
}

}  // namespace
}  // namespace polaris
