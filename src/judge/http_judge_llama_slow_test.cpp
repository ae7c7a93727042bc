// A real server on the other side: llama-server, with a model of 0.3 MB that knows nothing and is
// held to the schema by the server's grammar.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "base/sha256.h"
#include "judge/http_judge_testing.h"
#include "judge/lexical/stories_testing.h"
#include "judge/llama_server_testing.h"

namespace polaris {
namespace {

const std::string kModel = POLARIS_GOLDEN_DIR "/gguf/qwen3_5_tiny_vl.bf16.gguf";

class LlamaServerJudge : public HttpJudgeTest {
 protected:
  void SetUp() override {
    if (std::filesystem::exists(LlamaServer::program())) return;
    ASSERT_EQ(std::getenv("POLARIS_REQUIRE_LLAMA"), nullptr)
        << LlamaServer::program() << " is missing: ./dev setup llama";
    GTEST_SKIP() << "no llama-server; ./dev setup llama builds one";
  }

  LlamaServer server_with(int context) const {
    std::vector<std::string> options = {
        "--override-kv", fmt::format("qwen35.context_length=int:{}", context), "--seed", "1"};
    for (const std::string& bias : biases()) options.insert(options.end(), {"--logit-bias", bias});
    return LlamaServer(kModel, context, options, folder / "server.log");
  }

  /// The grammar lets bytes through that are no UTF-8, which the server then refuses itself; only a
  /// model of random weights writes such. And its texts should end soon.
  static std::vector<std::string> biases() {
    constexpr int kQuote = 1;
    constexpr int kTurnEnd = 289;
    std::vector<std::string> biases = {fmt::format("{}+8", kQuote)};
    for (const auto& [begin, end] : {std::pair{94, 188}, {221, 256}, {287, 320}}) {  // and markers
      for (int token = begin; token < end; ++token) {
        if (token != kTurnEnd) biases.push_back(fmt::format("{}-100", token));
      }
    }
    return biases;
  }

  JudgeConfig config_for_llama(const LlamaServer& server) const {
    JudgeConfig config = config_for(server.url("/v1"));
    config.schema = SchemaMode::kNative;
    config.thinking = "none";  // it would never stop
    config.temperature = 1.0;  // noise is its only way out of a loop
    config.top_p = 1.0;
    config.max_output_tokens = 8000;
    config.concurrency = 2;
    config.deadline_s = 600;
    return config;
  }
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(LlamaServerJudge, GivesTwentyVerdictsAndNoFailure) {
  LlamaServer server = server_with(32768);
  int verdicts = 0;
  {
    const auto judge = judge_with(config_for_llama(server));
    Replies replies;
    auto stories = lexical::starter_stories(POLARIS_SOURCE_DIR "/data", true);
    stories.resize(20);
    for (const auto& story : stories)
      judge->submit(request(story.story.substr(0, 600)), replies.put());
    for (const JudgeReply& reply : replies.wait(1200)) {
      EXPECT_TRUE(reply.verdict) << reply.message;
      verdicts += reply.verdict ? 1 : 0;
      EXPECT_EQ(reply.attempts, 1);
      EXPECT_GT(reply.usage.input_tokens, 1000);
      EXPECT_GT(reply.usage.output_tokens, 100);
    }
  }
  EXPECT_EQ(verdicts, 20) << server.last_words();
  EXPECT_EQ(all_notes().find("refuses"), std::string::npos) << all_notes();
  const std::string today = utc_text(system_clock.wall_s());
  std::cout << fmt::format("llama-server: {} of 20 verdicts, {} sha256 {}, {}, llama.cpp {}\n",
                           verdicts, std::filesystem::path(kModel).filename().string(),
                           sha256_hex(bytes_of(kModel)), today, server.version());
}

TEST_F(LlamaServerJudge, TakesOurGrammarToo) {
  LlamaServer server = server_with(32768);
  JudgeConfig config = config_for_llama(server);
  config.schema = SchemaMode::kGrammar;
  const JudgeReply reply = ask(*judge_with(config), "A boat went out and came back.");
  EXPECT_TRUE(reply.verdict) << reply.message << '\n' << server.last_words();
}

TEST_F(LlamaServerJudge, AStoryThatExceedsTheContextIsAFailureWithTheNumbers) {
  LlamaServer server = server_with(2048);
  const JudgeReply reply = ask(*judge_with(config_for_llama(server)), "A boat.");
  EXPECT_EQ(reply.failure, JudgeFailure::kTransport);
  EXPECT_EQ(reply.attempts, 1) << "the same question does not get shorter";
  EXPECT_NE(reply.message.find("2048 tokens"), std::string::npos) << reply.message;
}

}  // namespace
}  // namespace polaris
