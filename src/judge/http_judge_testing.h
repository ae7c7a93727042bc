// A judge on the other side of a socket, for tests.
#pragma once

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/loopback_server.h"
#include "base/temp_folder.h"
#include "judge/http_judge.h"
#include "judge/judge_testing.h"

namespace polaris {

/// What test answers are billed as: 1000 tokens in, 100 out, at 1 and 10 USD per million.
inline constexpr double kAnswerUsd = 0.002;

/// A chat completion with that text.
inline Reply completion(const std::string& text, const char* finish = "stop") {
  return {.headers = {{"content-type", "application/json"}},
          .body = Json{{"id", "c1"},
                       {"model", "m-served"},
                       {"choices", {{{"message", {{"content", text}}}, {"finish_reason", finish}}}},
                       {"usage",
                        {{"prompt_tokens", 1000},
                         {"completion_tokens", 100},
                         {"completion_tokens_details", {{"reasoning_tokens", 60}}}}}}
                      .dump()};
}

inline Reply good_answer(std::int64_t points = 5) { return completion(answer_with(points).dump()); }

inline Reply failure_status(int status, const std::string& message = "no",
                            HttpHeaders headers = {}) {
  return {.status = status,
          .headers = std::move(headers),
          .body = Json{{"error", {{"message", message}}}}.dump()};
}

/// The story in a request: what stands between the markers.
inline std::string story_in(const ServerRequest& request) {
  const Json body = Json::parse(request.body);
  const auto message = body.at("messages").at(1).at("content").get<std::string>();
  const auto begin = message.find("<<<STORY>>>\n") + 12;
  return message.substr(begin, message.find("\n<<<END STORY>>>") - begin);
}

/// The replies to many questions.
class Replies {
 public:
  OnReply put() {
    auto slot = std::make_shared<std::optional<JudgeReply>>();
    slots_.push_back(slot);
    return [this, slot](JudgeReply reply) {
      const std::lock_guard lock(mutex_);
      *slot = std::move(reply);
      ++arrived_;
      changed_.notify_all();
    };
  }

  /// All, in the order of put(), once they are there.
  std::vector<JudgeReply> wait(double timeout_s = 900) {
    std::unique_lock lock(mutex_);
    const std::chrono::duration<double> timeout(timeout_s);
    EXPECT_TRUE(changed_.wait_for(lock, timeout, [&] { return arrived_ >= slots_.size(); }))
        << arrived_ << " of " << slots_.size() << " replies";
    std::vector<JudgeReply> replies;
    for (const auto& slot : slots_) replies.push_back(slot->value_or(JudgeReply{}));
    return replies;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<std::optional<JudgeReply>>> slots_;
  std::size_t arrived_ = 0;
};

/// Judges that ask a LoopbackServer, with stored answers in a folder of their own.
class HttpJudgeTest : public testing::Test {
 protected:
  HttpJudgeTest() {
    std::ofstream(folder / "prices.json") << R"({"models":{"m":{"as_of":"2026-06","source":"test",)"
                                          << R"("default":{"input":1,"output":10}}}})";
  }

  JudgeConfig config_for(const std::string& base_url) const {
    return {.kind = JudgeKind::kHttp,
            .base_url = base_url,
            .model = "m",
            .max_output_tokens = 1000,
            .retry_base_delay_s = 0.001,
            .deadline_s = 60,
            .cache = (folder / "judge.db").string()};
  }

  std::unique_ptr<HttpJudge> judge_with(const JudgeConfig& config, HttpClientOptions client = {}) {
    return std::make_unique<HttpJudge>(
        config, setup,
        HttpJudgeParts{.key = key,
                       .prices = PriceTable::load(folder / "prices.json"),
                       .client = std::move(client),
                       .note =
                           [this](const std::string& line) {
                             const std::lock_guard lock(note_mutex);
                             notes += line + '\n';
                           }},
        *clock);
  }

  static JudgeRequest request(const std::string& story, int repeat = 0) {
    return {.uid = story, .prompt = "A boat.", .story = story, .repeat = repeat};
  }

  static JudgeReply ask(Judge& judge, const std::string& story) {
    Replies replies;
    judge.submit(request(story), replies.put());
    return replies.wait()[0];
  }

  std::string all_notes() {
    const std::lock_guard lock(note_mutex);
    return notes;
  }

  const TempFolder folder;
  JudgeSetup setup = {.rubric = shipped_rubric(), .run_id = "run"};
  std::string key = "sk-test-0123456789";
  SystemClock system_clock;
  const Clock* clock = &system_clock;
  std::mutex note_mutex;
  std::string notes;
};

}  // namespace polaris
