// A thousand faults, killed processes and processes beside each other: no score that nobody gave,
// no stored answer asked for again, every answer counted.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

#include "judge/answer_store.h"
#include "judge/call_writer.h"
#include "judge/http_judge_testing.h"

namespace polaris {
namespace {

using HttpJudgeFaults = HttpJudgeTest;

/// A judge that is out of order most of the time, in every way there is. The points of its good
/// answers are a function of the story, so that a made-up score shows.
class FaultyServer {
 public:
  explicit FaultyServer(double fault_rate) : fault_rate_(fault_rate) {}

  static std::int64_t points_of(const std::string& story) { return std::stoi(story) % 8; }

  Reply operator()(const ServerRequest& request) {
    const std::string story = story_in(request);
    asked_again_ += good_.contains(story) ? 1 : 0;
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    if (uniform(random_) >= fault_rate_) {
      good_.insert(story);
      ++billed_;
      return good_answer(points_of(story));
    }
    ++faults_;
    return fault(next_kind(), points_of(story));
  }

  int faults() const { return faults_; }
  int asked_again() const { return asked_again_; }
  double billed_usd() const { return billed_ * kAnswerUsd; }
  const std::set<std::string>& good() const { return good_; }
  const std::map<unsigned, int>& by_kind() const { return by_kind_; }

 private:
  /// One kind after the other. Those that make the judge wait, or ask less at a time, come up
  /// three times only, for the test's sake.
  unsigned next_kind() {
    constexpr unsigned kKinds = 21;
    static const std::set<unsigned> kRare = {1, 3, 4, 5, 18};
    for (;;) {
      const unsigned kind = kind_++ % kKinds;
      if (!kRare.contains(kind) || by_kind_[kind] < 3) return kind;
    }
  }

  /// An answer whose tokens are billed though it is of no use.
  Reply billed(Reply reply) {
    ++billed_;
    return reply;
  }

  Reply fault(unsigned kind, std::int64_t points) {
    ++by_kind_[kind];
    Json answer = answer_with(points);
    const std::string key = shipped_rubric().positive[0].key;
    Reply good = good_answer(points);
    switch (kind) {
      case 0:
        return failure_status(408);
      case 1:
        return failure_status(429, "slow down", {{"retry-after-ms", "3"}});
      case 2:
        return failure_status(500);
      case 3:
        return failure_status(503, "busy", {{"retry-after", "0.002"}});
      case 4:
        return failure_status(529);
      case 5:
        good.drip = {.bytes = 20, .every_s = 0.2};
        return good;
      case 6:
        good.cut_after = 200;
        return good;
      case 7:
        return billed(completion(""));
      case 8:
        return billed(completion("```json\n{\"score\": 5\n```"));
      case 9:
        return billed(completion("A story of 8 out of 10, I would say."));
      case 10:
        answer[key]["score"] = "many";
        return billed(completion(answer.dump()));
      case 11:
        answer[key]["score"] = 4000;
        return billed(completion(answer.dump()));
      case 12:
        answer.erase(key);
        return billed(completion(answer.dump()));
      case 13: {
        std::string text = answer.dump();
        const auto at = text.find("\"score\":");
        return billed(completion(text.substr(0, at) + "\"score\":NaN" + text.substr(at + 9)));
      }
      case 14: {
        Json body = Json::parse(completion("").body);
        body["choices"][0]["message"]["refusal"] = "I will not judge this.";
        return billed({.body = body.dump()});
      }
      case 15:
        return billed(completion(answer.dump().substr(0, 300), "length"));
      case 16:
        return {.body = std::string(9 << 20, '7')};
      case 17:
        return {.status = 302, .headers = {{"location", "http://127.0.0.1:1/"}}};
      case 18:
        return {.silent = true};
      case 19:
        return {.raw = "HTTP/1.1 900 what\r\n\r\n"};
      default:
        return {.body = "<html>The proxy is tired.</html>"};
    }
  }

  double fault_rate_;
  std::mt19937 random_{20260604};
  std::set<std::string> good_;
  std::map<unsigned, int> by_kind_;
  unsigned kind_ = 0;
  int faults_ = 0;
  int asked_again_ = 0;
  int billed_ = 0;
};

TEST_F(HttpJudgeFaults, AThousandFaultsAndNoScoreIsMadeUp) {
  constexpr int kStories = 600;
  FaultyServer faulty(0.7);
  LoopbackServer server([&](const ServerRequest& request) { return faulty(request); });
  JudgeConfig config = config_for(server.url("/v1"));
  config.deadline_s = 8;  // a busy machine is no fault
  config.concurrency = 64;
  config.max_attempts = 4;
  double cost = 0.0;
  int verdicts = 0;
  std::map<JudgeFailure, int> failures;
  for (int round = 0; round < 3; ++round) {
    const auto judge = judge_with(config);
    Replies replies;
    for (int i = 0; i < kStories; ++i) judge->submit(request(fmt::format("{}", i)), replies.put());
    const auto all = replies.wait();
    verdicts = 0;
    for (int i = 0; i < kStories; ++i) {
      const JudgeReply& reply = all[static_cast<std::size_t>(i)];
      ASSERT_NE(reply.verdict.has_value(), reply.failure.has_value());
      ASSERT_FALSE(reply.stop) << reply.stop->what();
      cost += reply.cost_usd;
      if (reply.verdict) {
        ++verdicts;
        EXPECT_EQ(reply.verdict->positive[0], FaultyServer::points_of(fmt::format("{}", i)));
      } else {
        ++failures[*reply.failure];
        EXPECT_FALSE(reply.message.empty());
      }
    }
  }
  EXPECT_GE(faulty.faults(), 1000);
  EXPECT_EQ(faulty.by_kind().size(), 21U) << "every kind came up";
  EXPECT_EQ(faulty.asked_again(), 0);
  EXPECT_EQ(verdicts, static_cast<int>(faulty.good().size()));
  EXPECT_GE(failures.size(), 5U);
  EXPECT_NEAR(cost, faulty.billed_usd(), 1e-9);
  EXPECT_NEAR(AnswerStore(folder / "judge.db").spending("run").usd, faulty.billed_usd(), 1e-9);
  RecordProperty("faults", faulty.faults());
  RecordProperty("verdicts", verdicts);
}

/// A process that runs `work` with the port that it is told and exits with its result. Made before
/// the test has threads.
class JudgingProcess {
 public:
  explicit JudgingProcess(const std::function<int(int port)>& work) {
    if (::pipe(pipe_) != 0) throw std::runtime_error("pipe");
    child_ = ::fork();
    if (child_ != 0) return;
    int port = 0;
    if (::read(pipe_[0], &port, sizeof port) != sizeof port) ::_exit(9);
    try {
      ::_exit(work(port));
    } catch (const std::exception& e) {  // not up to the test, whose folder is not the child's
      fmt::print(stderr, "the judging process: {}\n", e.what());
      ::_exit(8);
    }
  }

  void tell(int port) const { ASSERT_EQ(::write(pipe_[1], &port, sizeof port), 4); }
  void kill() const { ::kill(child_, SIGKILL); }

  /// @return its wait status
  int wait() const {
    int status = 0;
    ::waitpid(child_, &status, 0);
    return status;
  }

 private:
  int pipe_[2] = {};
  pid_t child_ = 0;
};

class HttpJudgeProcesses : public HttpJudgeTest {
 protected:
  std::function<int(int)> judging(int count) {
    return [this, count](int port) {
      JudgeConfig config = config_for(fmt::format("http://127.0.0.1:{}/v1", port));
      config.concurrency = 8;
      config.deadline_s = 600;  // a busy machine is no fault
      const auto judge = judge_with(config);
      Replies replies;
      for (int i = 0; i < count; ++i) judge->submit(request(fmt::format("{}", i)), replies.put());
      for (const JudgeReply& reply : replies.wait()) {
        if (!reply.verdict) return 1;
      }
      return 0;
    };
  }
};

TEST_F(HttpJudgeProcesses, KilledWhileJudgingAndStartedAgainPaysForNoStoredAnswerTwice) {
  constexpr int kStories = 120;
  constexpr int kKills = 5;
  std::vector<std::unique_ptr<JudgingProcess>> processes;
  for (int i = 0; i <= kKills; ++i)
    processes.push_back(std::make_unique<JudgingProcess>(judging(kStories)));
  std::mutex mutex;
  std::map<std::string, int> asked;
  std::set<std::string> stored;
  int asked_though_stored = 0;
  LoopbackServer server([&](const ServerRequest& request) {
    const std::lock_guard lock(mutex);
    const std::string story = story_in(request);
    ++asked[story];
    asked_though_stored += stored.contains(story) ? 1 : 0;
    Reply reply = good_answer(FaultyServer::points_of(story));
    reply.delay_s = 0.01;
    return reply;
  });
  for (int i = 0; i < kKills; ++i) {
    processes[i]->tell(server.port());
    EXPECT_TRUE(server.wait_for_requests(static_cast<std::size_t>((i + 1) * 15)));
    processes[i]->kill();
    EXPECT_TRUE(WIFSIGNALED(processes[i]->wait()));
    AnswerStore store(folder / "judge.db");
    const CallWriter writer(config_for(server.url("/v1")), setup, {}, "");
    const std::lock_guard lock(mutex);
    for (int story = 0; story < kStories; ++story) {
      const std::string text = fmt::format("{}", story);
      if (!store.answers(writer.hash(request(text))).empty()) stored.insert(text);
    }
  }
  EXPECT_GT(stored.size(), 0U);
  EXPECT_LT(stored.size(), static_cast<std::size_t>(kStories));
  processes[kKills]->tell(server.port());
  EXPECT_EQ(processes[kKills]->wait(), 0);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(asked_though_stored, 0);
  const auto spending = AnswerStore(folder / "judge.db").spending("run");
  EXPECT_NEAR(spending.usd, kStories * kAnswerUsd, 1e-9);
  std::int64_t all = 0;
  for (const auto& [story, count] : asked) all += count;
  EXPECT_EQ(static_cast<int>(asked.size()), kStories);
  EXPECT_LE(all - kStories, spending.possible_calls) << "what was lost is known to be lost";
  EXPECT_LE(spending.possible_calls, kKills * 8);
}

TEST_F(HttpJudgeProcesses, TwoBesideEachOtherAskEachQuestionOnce) {
  constexpr int kStories = 150;
  const JudgingProcess first(judging(kStories));
  const JudgingProcess second(judging(kStories));
  std::mutex mutex;
  std::map<std::string, int> asked;
  LoopbackServer server([&](const ServerRequest& request) {
    const std::lock_guard lock(mutex);
    ++asked[story_in(request)];
    Reply reply = good_answer();
    reply.delay_s = 0.01;
    return reply;
  });
  first.tell(server.port());
  second.tell(server.port());
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(asked.size(), static_cast<std::size_t>(kStories));
  for (const auto& [story, count] : asked) EXPECT_EQ(count, 1) << story;
  EXPECT_NEAR(AnswerStore(folder / "judge.db").spending("run").usd, kStories * kAnswerUsd, 1e-9);
}

TEST_F(HttpJudgeProcesses, TheOtherOnesQuestionIsTakenOverWhenItDies) {
  const JudgingProcess doomed(judging(1));
  const JudgingProcess heir(judging(1));
  std::atomic<int> calls = 0;
  LoopbackServer server(
      [&](const ServerRequest&) { return ++calls == 1 ? Reply{.silent = true} : good_answer(); });
  doomed.tell(server.port());
  ASSERT_TRUE(server.wait_for_requests(1));
  heir.tell(server.port());
  doomed.kill();
  doomed.wait();
  EXPECT_EQ(heir.wait(), 0);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace polaris
