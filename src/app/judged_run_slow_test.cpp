// Training with a language model as judge, here a server in the test's process: the trainer is
// another one, and is killed.

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>

#include "app/real_run_testing.h"
#include "judge/database.h"
#include "judge/http_judge_testing.h"

namespace polaris {
namespace {

/// Judges by a hash of the story. One attempt in ten goes wrong; which one depends on the story and
/// on how often it was asked about, and four attempts in a row never do.
class HashingServer {
 public:
  explicit HashingServer(double delay_s = 0.0)
      : delay_s_(delay_s),
        server_([this](const ServerRequest& request) { return answer(request); }) {}

  static std::int64_t points_of(const std::string& story) {
    return static_cast<std::int64_t>(hash_of(story) % 16);
  }

  std::string url() const { return server_.url("/v1"); }

  bool wait_for_requests(std::size_t count) const {
    constexpr double kHung_s = 600;
    return server_.wait_for_requests(count, kHung_s);
  }
  std::size_t requests() const { return server_.request_count(); }

  /// From now on the answers with these ids are known to be stored.
  void note_stored(const std::vector<std::string>& ids) {
    const std::lock_guard lock(mutex_);
    for (const std::string& id : ids) stored_.insert(story_of_.at(id));
  }

  std::size_t stories() const { return times_.size(); }
  std::size_t stored() const { return stored_.size(); }
  int faults() const { return faults_; }
  int good() const { return static_cast<int>(story_of_.size()); }
  int asked_though_stored() const { return asked_though_stored_; }

 private:
  static std::uint64_t hash_of(const std::string& text) {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash >> 20;
  }

  Reply answer(const ServerRequest& request) {
    constexpr int kFaultsInARow = 3;
    const std::lock_guard lock(mutex_);
    const std::string story = story_in(request);
    asked_though_stored_ += stored_.contains(story) ? 1 : 0;
    const int time = times_[story]++;
    const std::uint64_t dice = hash_of(fmt::format("{} {}", time, story));
    if (time % (kFaultsInARow + 1) < kFaultsInARow && dice % 10 == 0) {
      ++faults_;
      return fault(dice / 10, story);
    }
    Json body = Json::parse(good_answer(points_of(story)).body);
    body["id"] = fmt::format("answer-{}", story_of_.size());
    story_of_[body["id"].get<std::string>()] = story;
    return {.headers = {{"content-type", "application/json"}},
            .body = body.dump(),
            .delay_s = delay_s_};
  }

  static Reply fault(std::uint64_t kind, const std::string& story) {
    Reply cut = good_answer(points_of(story));
    cut.cut_after = 100;
    switch (kind % 6) {
      case 0:
        return failure_status(500);
      case 1:
        return failure_status(429, "slow down", {{"retry-after-ms", "5"}});
      case 2:
        return failure_status(529);
      case 3:
        return cut;
      case 4:
        return completion("A fine story.");
      default:
        return completion(answer_with(points_of(story)).dump().substr(0, 200), "length");
    }
  }

  const double delay_s_;
  mutable std::mutex mutex_;
  std::map<std::string, int> times_;             // a story was asked about
  std::map<std::string, std::string> story_of_;  // good answers
  std::set<std::string> stored_;
  int faults_ = 0;
  int asked_though_stored_ = 0;
  LoopbackServer server_;
};

/// The ids of the good answers in a file of stored answers.
std::vector<std::string> good_ids(const std::filesystem::path& file) {
  std::vector<std::string> ids;
  Database database(file);
  auto row =
      database.prepare("SELECT answer FROM calls WHERE state = 'answered' AND failure IS NULL");
  while (row.step()) ids.push_back(Json::parse(row.text(0)).at("request_id").get<std::string>());
  return ids;
}

/// The shipped demo for a few steps, with a language model as judge.
std::vector<std::string> judged_demo(const std::filesystem::path& run_dir,
                                     const std::filesystem::path& cache, const std::string& url) {
  std::vector<std::string> arguments = {"train", POLARIS_SOURCE_DIR "/configs/demo.toml",
                                        "--run-dir", run_dir.string()};
  for (const std::string& setting :
       {std::string("train.steps=3"), std::string("train.checkpoint_every=1"),
        std::string("train.validate_every=0"), std::string("train.validate_first=false"),
        std::string("data.max_response_tokens=640"), std::string("guards.patience=0"),
        std::string("judge.kind=http"), std::string("judge.model=m"),
        std::string("judge.concurrency=4"), std::string("judge.max_output_tokens=1000"),
        std::string("judge.retry_base_delay_s=0.01"), "judge.base_url=" + url,
        "judge.cache=" + cache.string()})
    arguments.insert(arguments.end(), {"--set", setting});
  return arguments;
}

std::string result_of(const std::filesystem::path& run_dir) {
  return bytes_below(run_dir / "checkpoints/step_3/model") +
         real_file_system().read(run_dir / "checkpoints/step_3/optimizer.safetensors") +
         real_file_system().read(run_dir / "rollouts.jsonl");
}

TEST(JudgedRun, KilledWhileItsJudgeIsAskedPaysForNoStoredAnswerTwiceAndEndsInTheSameBytes) {
  const TempFolder folder;
  {
    HashingServer server;
    const BinaryResult result =
        run_polaris(judged_demo(folder / "undisturbed", folder / "a.db", server.url()));
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_GT(server.faults(), 0);
    EXPECT_GE(server.stories(), 45U) << "3 steps of 3 prompts, 5 stories and a reference each";
  }
  HashingServer server(/*delay_s=*/0.1);  // so that answers are on their way when it dies
  const auto train = judged_demo(folder / "killed", folder / "b.db", server.url());
  constexpr int kInFlight = 4;
  int killed = 0;
  for (const std::size_t further : {5, 11, 17}) {
    const std::size_t until = server.requests() + further;
    const int status =
        start_and_signal(train, SIGKILL, [&] { EXPECT_TRUE(server.wait_for_requests(until)); });
    killed += WIFSIGNALED(status) ? 1 : 0;
    server.note_stored(good_ids(folder / "b.db"));
  }
  EXPECT_EQ(killed, 3);
  EXPECT_GT(server.stored(), 0U);
  const BinaryResult result = run_polaris(train);
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;

  EXPECT_EQ(server.asked_though_stored(), 0);
  EXPECT_LE(server.good(), static_cast<int>(server.stories()) + killed * kInFlight)
      << "only what was on its way at a kill was answered again";
  const auto ids = good_ids(folder / "b.db");
  EXPECT_EQ(ids.size(), server.stories()) << "every story has one good answer";
  EXPECT_GT(server.faults(), 0);
  EXPECT_EQ(result_of(folder / "killed"), result_of(folder / "undisturbed"));
}

TEST(JudgedRun, ValidationAsksTheHeldOutJudge) {
  const TempFolder folder;
  HashingServer server;
  const BinaryResult result =
      run_polaris({"train", small_run_config(folder.path()).string(), "--run-dir",
                   (folder / "run").string(), "--set", "eval.judge.kind=http", "--set",
                   "eval.judge.model=m", "--set", "eval.judge.base_url=" + server.url(), "--set",
                   "eval.judge.cache=" + (folder / "judge.db").string(), "--set",
                   "eval.judge.retry_base_delay_s=0.01"});
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  std::set<std::string> judged;
  for (const char* step : {"run/validation/step_0.jsonl", "run/validation/step_4.jsonl"}) {
    for (const OrderedJson& row : lines_of(real_file_system().read(folder / step))) {
      const auto story = row.at("story").get<std::string>();
      if (story.empty()) continue;
      judged.insert(story);
      const Grade grade =
          grade_answer({.text = answer_with(HashingServer::points_of(story)).dump()}, story,
                       shipped_rubric(), {});
      EXPECT_NEAR(row.at("parts").at("story_quality").get<double>(),
                  rubric_score(*grade.verdict).overall / 100, 1e-9)
          << row.dump();
    }
  }
  EXPECT_FALSE(judged.empty());
  EXPECT_EQ(server.stories(), judged.size()) << "training's stories are judged by text statistics";
}

}  // namespace
}  // namespace polaris
