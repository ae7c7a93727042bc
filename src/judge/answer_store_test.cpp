#include "judge/answer_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <fstream>
#include <thread>

#include "base/temp_folder.h"

namespace polaris {
namespace {

const ModelAnswer kAnswer = {.text = "{\"a\": \"β\"}",
                             .finish = ModelFinish::kLength,
                             .refusal = "no",
                             .usage = {.input_tokens = 7,
                                       .cached_input_tokens = 6,
                                       .output_tokens = 5,
                                       .reasoning_tokens = 4},
                             .served_model = "m-2",
                             .request_id = "r1"};

StoredCall call_of(const std::string& hash, double max_cost = 0.5) {
  return {.request_hash = hash,
          .run_id = "run",
          .attempt = 3,
          .started_at = "2026-06-04T09:05:00Z",
          .max_cost_usd = max_cost};
}

/// Runs `work` in a process of its own, which then ends as if it were killed.
template <class Work>
void in_another_process(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(AnswerStore, GivesBackWhatWasAnswered) {
  const TempFolder folder;
  AnswerStore store(folder / "deep/judge.db");
  StoredCall call = call_of("h");
  const auto id = store.begin(call);
  EXPECT_TRUE(store.answers("h").empty()) << "an intent is no answer";
  call.answer = kAnswer;
  call.failure = JudgeFailure::kTruncated;
  call.cost_usd = 0.25;
  call.price_date = "2026-06";
  call.latency_s = 1.5;
  store.finish(id, call);
  const auto answers = AnswerStore(folder / "deep/judge.db").answers("h");
  ASSERT_EQ(answers.size(), 1U);
  const StoredCall& read = answers[0];
  EXPECT_EQ(read.answer->text, kAnswer.text);
  EXPECT_EQ(read.answer->finish, ModelFinish::kLength);
  EXPECT_EQ(read.answer->refusal, "no");
  EXPECT_EQ(read.answer->usage.cached_input_tokens, 6);
  EXPECT_EQ(read.answer->usage.reasoning_tokens, 4);
  EXPECT_EQ(read.answer->served_model, "m-2");
  EXPECT_FALSE(read.answer->service_tier);
  EXPECT_EQ(read.failure, JudgeFailure::kTruncated);
  EXPECT_EQ(read.cost_usd, 0.25);
  EXPECT_EQ(read.price_date, "2026-06");
  EXPECT_EQ(read.latency_s, 1.5);
  EXPECT_EQ(read.attempt, 3);
  EXPECT_EQ(read.started_at, "2026-06-04T09:05:00Z");
}

TEST(AnswerStore, CallsWithoutAnAnswerAreNotAnswers) {
  const TempFolder folder;
  AnswerStore store(folder / "judge.db");
  StoredCall call = call_of("h");
  call.failure = JudgeFailure::kTimeout;
  call.maybe_billed = true;
  store.finish(store.begin(call), call);
  call.maybe_billed = false;
  store.finish(store.begin(call), call);
  EXPECT_TRUE(store.answers("h").empty());
  const auto spending = store.spending("run");
  EXPECT_EQ(spending.usd, 0.0);
  EXPECT_EQ(spending.possible_usd, 0.5);
  EXPECT_EQ(spending.possible_calls, 1);
}

TEST(AnswerStore, AClaimHoldsWhileItsProcessLives) {
  const TempFolder folder;
  AnswerStore store(folder / "judge.db");
  EXPECT_TRUE(store.claim("h"));
  EXPECT_TRUE(store.claim("h")) << "by the same one";
  AnswerStore other(folder / "judge.db");
  EXPECT_FALSE(other.claim("h"));
  EXPECT_TRUE(other.claim("i"));
  other.release("h");
  EXPECT_FALSE(other.claim("h")) << "it is not the other's to release";
  store.release("h");
  EXPECT_TRUE(other.claim("h"));
}

TEST(AnswerStore, WhatAKilledProcessLeftIsFreeAndMayHaveBeenCharged) {
  const TempFolder folder;
  in_another_process([&] {
    auto* store = new AnswerStore(folder / "judge.db");  // never closed
    store->claim("h");
    store->begin(call_of("h"));
    StoredCall answered = call_of("i");
    const auto id = store->begin(answered);
    answered.answer = kAnswer;
    answered.cost_usd = 0.125;
    store->finish(id, answered);
  });
  AnswerStore store(folder / "judge.db");
  EXPECT_TRUE(store.claim("h"));
  EXPECT_EQ(store.answers("i").size(), 1U);
  const auto spending = store.spending("run");
  EXPECT_EQ(spending.usd, 0.125);
  EXPECT_EQ(spending.possible_usd, 0.5);
  EXPECT_EQ(spending.possible_calls, 1);
  EXPECT_EQ(store.spending("another run").usd, 0.0);
}

TEST(AnswerStore, ALivingProcessesIntentIsNotCountedAsLost) {
  const TempFolder folder;
  AnswerStore store(folder / "judge.db");
  store.begin(call_of("h"));
  EXPECT_EQ(AnswerStore(folder / "judge.db").spending("run").possible_calls, 0);
}

TEST(AnswerStore, ManyWritersLoseNothing) {
  const TempFolder folder;
  constexpr int kCalls = 100;
  const auto write = [&](const std::string& name) {
    AnswerStore store(folder / "judge.db");
    for (int i = 0; i < kCalls; ++i) {
      StoredCall call = call_of(fmt::format("{}{}", name, i));
      const auto id = store.begin(call);
      call.answer = kAnswer;
      call.cost_usd = 0.25;
      store.finish(id, call);
    }
  };
  std::thread a([&] { write("a"); });
  std::thread b([&] { write("b"); });
  a.join();
  b.join();
  AnswerStore store(folder / "judge.db");
  EXPECT_EQ(store.spending("run").usd, 2 * kCalls * 0.25);
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(store.answers(fmt::format("a{}", i)).size(), 1U);
}

TEST(AnswerStore, ManyMayMakeTheSameFileAtOnce) {
  constexpr int kRounds = 50;
  const TempFolder folder;
  for (int round = 0; round < kRounds; ++round) {
    const auto file = folder / fmt::format("{}.db", round);
    std::barrier start(3);
    const auto open = [&] {
      start.arrive_and_wait();
      EXPECT_NO_THROW(AnswerStore{file}) << round;
    };
    std::vector<std::jthread> openers;
    for (int i = 0; i < 3; ++i) openers.emplace_back(open);
  }
}

TEST(AnswerStore, RemembersWhatAServerTakes) {
  const TempFolder folder;
  AnswerStore store(folder / "judge.db");
  EXPECT_FALSE(store.known_form("s"));
  store.set_known_form("s", {.form = "prompt", .learned_wall_s = 5});
  store.set_known_form("s", {.form = "native", .learned_wall_s = 6});
  EXPECT_EQ(store.known_form("s")->form, "native");
  EXPECT_EQ(store.known_form("s")->learned_wall_s, 6);
}

TEST(AnswerStore, RefusesAFileOfAnotherKind) {
  const TempFolder folder;
  std::ofstream(folder / "judge.db") << std::string(5000, 'x');
  try {
    AnswerStore store(folder / "judge.db");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("judge.db"), std::string::npos) << e.what();
  }
}

TEST(AnswerStore, RefusesAFileOfANewerProgram) {
  const TempFolder folder;
  Database(folder / "judge.db").run("PRAGMA user_version = 9");
  EXPECT_THROW(AnswerStore(folder / "judge.db"), Error);
}

TEST(AnswerStorePath, IsTheConfiguredOneOrInTheUsersCacheFolder) {
  EXPECT_EQ(answer_store_path("x.db"), "x.db");
  ::setenv("XDG_CACHE_HOME", "/c", 1);
  EXPECT_EQ(answer_store_path(""), "/c/polaris/judge.db");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  ::setenv("HOME", "/h", 1);
  EXPECT_EQ(answer_store_path(""), "/h/.cache/polaris/judge.db");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_THROW(answer_store_path(""), Error);
}

TEST(Database, AStatementThatFailedCanBeUsedAgain) {
  const TempFolder folder;
  Database database(folder / "x.db");
  database.run("CREATE TABLE t (x INTEGER UNIQUE)");
  auto insert = database.prepare("INSERT INTO t VALUES (?)");
  insert.bind(std::int64_t{1}).step();
  try {
    insert.bind(std::int64_t{1}).step();
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("UNIQUE constraint failed"), std::string::npos)
        << e.what();
  }
  insert.bind(std::int64_t{2}).step();
  EXPECT_EQ(database.changes(), 1);
}

}  // namespace
}  // namespace polaris
