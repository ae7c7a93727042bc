#include "rollout/remote/story_attempt.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "rollout/remote/llama_server.h"
#include "rollout/remote/sglang_server.h"
#include "rollout/remote/vllm_server.h"

namespace polaris {
namespace {

constexpr std::size_t kMostTokens = 8;
constexpr std::int64_t kVocabSize = 100;
const RemoteRolloutConfig kConfig = {.base_url = "http://localhost"};

const char* const kVllmAnswer =
    R"(data: {"model":"m","choices":[{"text":"a","token_ids":[10],"prompt_token_ids":[5,6],)"
    R"("logprobs":{"token_logprobs":[-0.5]},"finish_reason":null}]})"
    "\n\n"
    R"(data: {"choices":[{"text":"","token_ids":[2],"logprobs":{"token_logprobs":[-1.5]},)"
    R"("finish_reason":"stop","weight_versions":[{"version":"v","start":0,"end":2}]}]})"
    "\n\n"
    R"(data: {"choices":[],"usage":{"completion_tokens":2}})"
    "\n\ndata: [DONE]\n\n";

const char* const kSglangAnswer =
    R"(data: {"text":"a","output_ids":[10],"meta_info":{"prompt_tokens":2,"completion_tokens":1,)"
    R"("weight_version":"v","finish_reason":null,"output_token_logprobs":[[-0.5,10,null]]}})"
    "\n\n"
    R"(data: {"text":"a","output_ids":[10,2],"meta_info":{"prompt_tokens":2,"completion_tokens":2,)"
    R"("weight_version":"v","finish_reason":{"type":"stop","matched":2},)"
    R"("output_token_logprobs":[[-0.5,10,null],[-1.5,2,null]]}})"
    "\n\ndata: [DONE]\n\n";

const char* const kLlamaAnswer =
    R"({"content":"a","tokens":[10,2],"stop_type":"eos","tokens_evaluated":2,)"
    R"("completion_probabilities":[{"id":10,"logprob":-0.5},{"id":2,"logprob":-1.5}]})";

/// What an answer comes to: a rollout, or nothing; whatever is wrong is an Error or a failure.
std::optional<Rollout> outcome(const StoryServer& server, const std::string& body,
                               std::size_t piece = 7) {
  static const Prompt kPrompt = {.id = "p", .tokens = {5, 6}};
  const StoryCall call = {
      .prompt = &kPrompt, .sampling = {.max_new_tokens = kMostTokens}, .stop_tokens = {2}};
  StoryAttempt attempt(server, call, 0.0);
  HttpResponse response{.status = 200, .body = server.streams() ? "" : body};
  for (std::size_t at = 0; server.streams() && at < body.size(); at += piece) {
    if (!attempt.on_data(std::string_view(body).substr(at, piece))) break;
  }
  try {
    if (const auto failure = attempt.conclude(response, 0.0)) {
      EXPECT_TRUE(failure->may_repeat);
      EXPECT_FALSE(failure->message.empty());
      return std::nullopt;
    }
    return rollout_of(call, std::move(attempt.story()), /*has_tokens=*/true, kVocabSize);
  } catch (const Error& e) {
    EXPECT_NE(e.code(), ErrorCode::kInternal) << e.what();
    return std::nullopt;
  }
}

/// Some bytes of a text changed, left out, doubled or exchanged for those of numbers and brackets.
std::string mutated(std::string text, RandomStream& random) {
  constexpr std::string_view kPieces[] = {"0",  "-1",   "1e99",   "[]",         "{}", "null",
                                          "\"", "\n\n", "data: ", "4294967298", "[[", "}"};
  const auto at = [&] { return random.below(static_cast<std::uint32_t>(text.size())); };
  for (std::uint32_t edits = 1 + random.below(3); edits > 0 && text.size() > 40; --edits) {
    switch (random.below(4)) {
      case 0:
        text[at()] = static_cast<char>(random.below(256));
        break;
      case 1:
        text.erase(at(), 1 + random.below(20));
        break;
      case 2:
        text.insert(at(), text.substr(at(), 1 + random.below(30)));
        break;
      default:
        text.insert(at(), kPieces[random.below(std::size(kPieces))]);
    }
  }
  return text;
}

void expect_sound_whatever_arrives(const StoryServer& server, const char* answer) {
  const auto good = outcome(server, answer);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->tokens, (std::vector<TokenId>{10, 2}));
  EXPECT_EQ(good->logprobs, (std::vector<float>{-0.5F, -1.5F}));
  RandomStream random({.seed = 1});
  int whole = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto rollout = outcome(server, mutated(answer, random), 1 + random.below(60));
    if (!rollout) continue;
    ++whole;
    EXPECT_FALSE(rollout->tokens.empty());
    EXPECT_LE(rollout->tokens.size(), kMostTokens);
    EXPECT_TRUE(rollout->logprobs.empty() || rollout->logprobs.size() == rollout->tokens.size());
    EXPECT_EQ(rollout->tokens.back() == 2, rollout->stop == StopReason::kEndOfText);
    EXPECT_TRUE(std::ranges::all_of(rollout->tokens,
                                    [](TokenId id) { return id >= 0 && id < kVocabSize; }));
  }
  EXPECT_GT(whole, 50);  // many changes are to what nobody reads
  EXPECT_LT(whole, 4000);
}

TEST(StoryAttempt, IsSoundWhateverAServerSends) {
  expect_sound_whatever_arrives(VllmServer(kConfig), kVllmAnswer);
  expect_sound_whatever_arrives(SglangServer(kConfig), kSglangAnswer);
  expect_sound_whatever_arrives(LlamaServer(kConfig), kLlamaAnswer);
}

}  // namespace
}  // namespace polaris
