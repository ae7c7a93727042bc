#include <atomic>

#include "rollout/remote_engine_testing.h"

// Servers that break in every way that was thought of. The stories are the same in the end, or
// there is one clear error; never another story.

namespace polaris {
namespace {

class BrokenServer : public RemoteEngineTest<FakeVllm> {
 protected:
  using Fault = std::function<std::optional<Reply>(const Json& body, const std::string& good)>;

  /// What the first `times` story calls get; then all is well.
  void break_stories(int times, Fault fault) {
    broken_ = 0;
    fake.fault = [this, times, fault = std::move(fault)](const ServerRequest& request,
                                                         const Json& body) -> std::optional<Reply> {
      if (request.target != "/v1/completions" || ++broken_ > times) return std::nullopt;
      const auto tokens = story_tokens(body.at("seed").get<std::uint32_t>());
      return fault(body, FakeVllm::stream(fake.events(body, tokens)));
    };
  }

  /// Two bad calls do no harm; bad ones only end in an error, after six attempts for the story.
  void expect_repeated(const Fault& fault, const std::string& message) {
    SCOPED_TRACE(message);
    break_stories(2, fault);
    const auto groups = write(*make_engine(), 1);
    EXPECT_EQ(groups[0].rollouts[0].tokens, expected_[0].rollouts[0].tokens);
    EXPECT_EQ(groups[1].rollouts[0].tokens, expected_[1].rollouts[0].tokens);
    EXPECT_EQ(groups[1].rollouts[0].logprobs, expected_[1].rollouts[0].logprobs);
    break_stories(1000, fault);
    const std::string refused = refusal();
    EXPECT_TRUE(says(refused, ", sample 0: attempt 6 failed")) << refused;
    EXPECT_TRUE(says(refused, message)) << refused;
  }

  /// Asking again would not help.
  void expect_fatal(const Fault& fault, const std::string& message) {
    break_stories(1000, fault);
    const std::string refused = refusal(ErrorCode::kInvalidConfig);
    EXPECT_TRUE(says(refused, message)) << refused;
  }

  static Reply cut(const std::string& good, std::size_t bytes) {
    Reply reply = stream_reply(good);
    reply.cut_after = bytes;
    return reply;
  }

  static std::string without(std::string text, const std::string& part) {
    const auto at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return text.replace(at, part.size(), "");
  }

  void SetUp() override { expected_ = write(*make_engine(), 1); }

  std::vector<RolloutGroup> expected_;
  std::atomic<int> broken_ = 0;
};

TEST_F(BrokenServer, IsAskedAgainAfterPassingStatuses) {
  for (const int status : {429, 500, 503}) {
    expect_repeated(
        [&](const Json&, const std::string&) {
          return json_reply({{"error", {{"message", "Loading model"}}}}, status);
        },
        fmt::format("HTTP {}: Loading model", status));
  }
}

TEST_F(BrokenServer, IsNotAskedAgainForWhatItRefuses) {
  prompts.pop_back();
  expect_fatal(
      [](const Json&, const std::string&) {
        return json_reply({{"error", {{"message", "max_tokens is too large"}}}}, 400);
      },
      "prompt a, sample 0: HTTP 400: max_tokens is too large");
  EXPECT_EQ(broken_, 1);
}

TEST_F(BrokenServer, WaitsAsLongAsItIsAskedTo) {
  const auto asked = [](const Json&, const std::string&) {
    return Reply{.status = 503, .headers = {{"retry-after", "1"}}, .body = "reloading"};
  };
  break_stories(1, asked);
  prompts.pop_back();
  const auto start = std::chrono::steady_clock::now();
  write(*make_engine(), 1);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(950));
}

TEST_F(BrokenServer, MayCutTheStreamAnywhere) {
  for (const std::size_t bytes : {0, 1, 40, 300, 777})
    expect_repeated([&](const Json&, const std::string& good) { return cut(good, bytes); }, "");
  expect_repeated(  // whole events, and then a proper end that comes too early
      [](const Json&, const std::string& good) {
        return stream_reply(good.substr(0, good.find("\n\n") + 2));
      },
      "the answer ended inside the story, after 1 tokens");
  expect_repeated([](const Json&, const std::string&) { return stream_reply(""); },
                  "after 0 tokens");
}

TEST_F(BrokenServer, MaySendHalfAnEventOrHalfACharacter) {
  expect_repeated(
      [](const Json&, const std::string& good) {
        return stream_reply(good.substr(0, 90) + "\n\n" + good);
      },
      "the server's answer");
  expect_repeated(
      [](const Json&, const std::string& good) {
        std::string bad = good;
        bad.erase(bad.find("“") + 1, 1);
        return stream_reply(bad);
      },
      "the server's answer");
  expect_repeated([](const Json&, const std::string&) { return stream_reply("data: 3\n\n"); },
                  "no JSON object");
}

TEST_F(BrokenServer, MayForgetToSayThatAllIsDone) {
  break_stories(1000, [](const Json&, const std::string& good) {
    return stream_reply(without(good, "data: [DONE]\n\n"));
  });
  EXPECT_EQ(write(*make_engine(), 1)[0].rollouts[0].tokens, expected_[0].rollouts[0].tokens);
}

TEST_F(BrokenServer, MaySendAnErrorInsideTheStream) {
  expect_repeated(
      [](const Json&, const std::string& good) {
        return stream_reply(good.substr(0, good.find("\n\n") + 2) +
                            event({{"error", {{"message", "engine died"}, {"code", 500}}}}));
      },
      "the server reports an error: engine died");
  expect_repeated(
      [this](const Json& body, const std::string&) {
        return stream_reply(FakeVllm::stream(fake.events(body, {10, 11}, "abort")));
      },
      "ended the story with \"abort\"");
}

TEST_F(BrokenServer, MayLoseAnEventOrGoOnBehindTheEnd) {
  expect_repeated(
      [](const Json&, const std::string& good) {
        const auto first = good.find("\n\n") + 2;
        return stream_reply(good.substr(0, first) + good.substr(good.find("\n\n", first) + 2));
      },
      "tokens and sent");
  expect_repeated([](const Json&, const std::string& good) { return stream_reply(good + good); },
                  "more of a story that it had ended");
}

TEST_F(BrokenServer, IsRefusedWhenItServesAnotherModel) {
  const auto tokens_instead = [this](std::vector<TokenId> tokens, const char* finish = "stop") {
    return [this, tokens, finish](const Json& body, const std::string&) {
      return stream_reply(FakeVllm::stream(fake.events(body, tokens, finish)));
    };
  };
  expect_fatal(tokens_instead({10, 100, kEnd}), "sent token 100, and the model has 100");
  expect_fatal(tokens_instead({10, kEnd, 11, kEnd}), "wrote on behind the stop token 2");
  expect_fatal(tokens_instead({10, 11}), "stopped at token 11");
  expect_fatal(tokens_instead({10, 11}, "length"), "cut a story after 2 of 50 tokens");
  expect_fatal(
      [this](const Json& body, const std::string&) {
        Json other = body;
        other["prompt"] = {1, 2, 3};
        return stream_reply(FakeVllm::stream(fake.events(other, {10, kEnd})));
      },
      "another prompt");
  expect_fatal(
      [](const Json&, const std::string&) {
        return stream_reply(event({{"choices", Json::array({{{"text", "Once"}}})}}));
      },
      "without \"token_ids\"");
}

TEST_F(BrokenServer, SendsIdsAndNumbersOfTheRightKind) {
  for (const char* bad : {"\"token_ids\":[-1]", "\"token_ids\":[1.5]", "\"token_ids\":[\"a\"]",
                          "\"token_ids\":[4294967297]", "\"token_ids\":{}"}) {
    expect_repeated(
        [&](const Json&, const std::string& good) {
          std::string text = good;
          return stream_reply(text.replace(text.find("\"token_ids\":[10]"), 16, bad));
        },
        "token_ids");
  }
  for (const char* bad : {"[null]", "[]", "[-0.25,-0.5]", "[\"x\"]", "[1e400]"}) {
    expect_repeated(
        [&](const Json&, const std::string& good) {
          std::string text = good;
          return stream_reply(text.replace(text.find("[-0.25]"), 7, bad));
        },
        "");
  }
}

TEST_F(BrokenServer, IsNotWaitedForWithoutEnd) {
  options.config.first_token_s = 0.2;
  options.config.max_attempts = 2;
  break_stories(1000, [](const Json&, const std::string&) { return Reply{.silent = true}; });
  EXPECT_TRUE(says(refusal(), "no token within rollout.remote.first_token_s = 0.2"));

  options.config.first_token_s = 20;
  options.config.between_tokens_s = 0.2;
  break_stories(1000, [](const Json&, const std::string& good) {
    Reply reply = stream_reply(good);
    reply.drip = Reply::Drip{.bytes = good.find("\n\n") + 2, .every_s = 5};
    return reply;
  });
  EXPECT_TRUE(says(refusal(), "no further token within rollout.remote.between_tokens_s = 0.2"));

  options.config.between_tokens_s = 20;
  options.config.deadline_s = 0.3;
  EXPECT_TRUE(says(refusal(), "attempt 2 failed"));
}

TEST_F(BrokenServer, IsNotKeptFromItsDeadlineByComments) {
  options.config.first_token_s = 0.3;
  options.config.max_attempts = 1;
  break_stories(1000, [](const Json&, const std::string&) {
    std::string comments;
    for (int i = 0; i < 1000; ++i) comments += ": still here\n\n";
    Reply reply = stream_reply(comments);
    reply.drip = Reply::Drip{.bytes = 14, .every_s = 0.02};
    return reply;
  });
  EXPECT_TRUE(says(refusal(), "first_token_s"));
}

TEST_F(BrokenServer, DoesNotFillTheMemoryWithOneLine) {
  options.config.max_attempts = 1;
  break_stories(1000, [](const Json&, const std::string&) {
    Reply reply = stream_reply("data: " + std::string(20U << 20, 'x'));
    reply.drip = Reply::Drip{.bytes = 1U << 20, .every_s = 0.0};
    return reply;
  });
  EXPECT_TRUE(says(refusal(), "an event of more than"));
}

TEST_F(BrokenServer, NeverSeesItsKeyInAMessage) {
  options.key = "sk-secret-0123";
  break_stories(1, [](const Json&, const std::string&) {
    return json_reply({{"error", {{"message", "invalid key sk-secret-0123"}}}}, 401);
  });
  const std::string message = refusal(ErrorCode::kInvalidConfig);
  EXPECT_TRUE(says(message, "invalid key ***")) << message;
}

TEST_F(BrokenServer, LetsThePersonStopWhileItIsSilent) {
  std::atomic<bool> stop = false;
  options.interrupted = [&] { return stop.load(); };
  break_stories(1000, [&](const Json&, const std::string&) {
    stop = true;
    return Reply{.silent = true};
  });
  refusal(ErrorCode::kInterrupted);
}

TEST_F(BrokenServer, IsNotThere) {
  options.config.base_url = "http://127.0.0.1:9/v1";
  options.config.max_attempts = 2;
  EXPECT_TRUE(says(refusal(), "127.0.0.1:9"));
}

TEST_F(BrokenServer, CountsEveryTokenOnceWhateverTheAttempts) {
  std::int64_t tokens = 0;
  options.on_tokens = [&](std::int64_t more) { tokens += more; };
  break_stories(3, [](const Json&, const std::string& good) { return cut(good, 700); });
  std::int64_t expected = 0;
  for (const auto& group : write(*make_engine(), 3)) {
    for (const Rollout& rollout : group.rollouts) expected += std::ssize(rollout.tokens);
  }
  EXPECT_EQ(tokens, expected);
}

TEST_F(BrokenServer, GetsAsManyCallsAtATimeAsItStands) {
  options.config.concurrency = 3;
  const auto engine = make_engine();
  const auto groups = write(*engine, 20);
  EXPECT_EQ(groups[1].rollouts.size(), 20U);
  EXPECT_LE(server.connection_count(), 5U);  // one of SetUp's engine, one for its other calls
}

}  // namespace
}  // namespace polaris
