// What our side of an HTTP judge costs, against its bars. The server stands beside it in this
// process and times itself, so that what is measured is ours:
//
//   calls_in_flight_200       a call, from submit() to its reply, less the server's own time for
//                             it: at most 5 ms on average with 200 in flight on one thread
//                             (on a busy machine most of it is waiting for a core: see median_ms,
//                             and cpu_ms, what that thread computes per call)
//   stored_verdicts_10000     10,000 stored answers graded again: at most 1 s
//   memory_over_10000_calls   resident memory grows by at most 2 MB from the 2,000th call to the
//                             10,000th
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "base/loopback_server.h"
#include "base/temp_folder.h"
#include "judge/http_judge.h"
#include "judge/judgement_record.h"
#include "judge/lexical_judge.h"

namespace polaris {
namespace {

const JudgeSetup& setup() {
  static const JudgeSetup kSetup = {.rubric = load_rubric(POLARIS_SOURCE_DIR "/prompts"),
                                    .run_id = "bench"};
  return kSetup;
}

/// A story of data/starter/train.jsonl, about 2,200 words; another one for every number.
JudgeRequest request(int number) {
  static const std::string kStory = [] {
    std::ifstream file(POLARIS_SOURCE_DIR "/data/starter/train.jsonl");
    std::string line;
    std::getline(file, line);
    return Json::parse(line).at("story").get<std::string>();
  }();
  return {.prompt = "A boat.", .story = std::to_string(number) + " " + kStory};
}

/// A chat completion: a full answer with quotes from the story.
std::string completion(int id) {
  static const std::string kBody = [] {
    const JudgeRequest story = request(0);
    const std::string text = lexical_answer_object(read_lexically(story), setup().rubric).dump();
    return Json{{"choices", {{{"message", {{"content", text}}}, {"finish_reason", "stop"}}}},
                {"usage", {{"prompt_tokens", 6000}, {"completion_tokens", 2000}}}}
        .dump();
  }();
  return fmt::format("{{\"id\":\"{}\",{}", id, kBody.substr(1));
}

double now_s() { return SystemClock().steady_s(); }

/// Of the calling thread.
double cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A judge that takes a seeded random time for an answer and writes down how long it did take.
class TimedServer {
 public:
  /// @param delay_s  from half of it to one and a half
  explicit TimedServer(double delay_s)
      : delay_(0.5 * delay_s, 1.5 * delay_s),
        server_([this](const ServerRequest&) { return answer(); }) {}

  std::string url() const { return server_.url("/v1"); }

  double seconds_of(const std::string& request_id) {
    const std::lock_guard lock(mutex_);
    return seconds_.at(std::stoul(request_id));
  }

 private:
  Reply answer() {
    const std::lock_guard lock(mutex_);
    const std::size_t id = seconds_.size();
    seconds_.push_back(0.0);
    const double start_s = now_s();
    return {.body = completion(static_cast<int>(id)),
            .delay_s = delay_(random_),
            .before_sending = [this, id, start_s] {
              const std::lock_guard lock(mutex_);
              seconds_[id] = now_s() - start_s;
            }};
  }

  std::mutex mutex_;
  std::mt19937 random_{20260604};
  std::uniform_real_distribution<double> delay_;
  std::vector<double> seconds_;  // by request
  LoopbackServer server_;
};

/// A judge with stored answers of its own.
class Bench {
 public:
  Bench(int in_flight, double delay_s) : in_flight_(in_flight), server_(delay_s) {
    const JudgeConfig config = {.kind = JudgeKind::kHttp,
                                .base_url = server_.url(),
                                .model = "m",
                                .max_output_tokens = 16000,
                                .concurrency = in_flight,
                                .cache = (folder_ / "judge.db").string()};
    judge_ = std::make_unique<HttpJudge>(config, setup(), HttpJudgeParts{}, clock_);
  }

  /// Asks about stories first ... last - 1, as many at a time as may be in flight.
  /// @return the seconds that each call took beside the server's own
  std::vector<double> ask(int first, int last) {
    std::vector<double> added;
    int open = 0;
    std::unique_lock lock(mutex_);
    for (int i = first; i < last; ++i) {
      arrived_.wait(lock, [&] { return open < in_flight_; });
      ++open;
      lock.unlock();
      judge_->submit(request(i), [&, start_s = now_s()](const JudgeReply& reply) {
        const double total_s = now_s() - start_s;
        const auto id = reply.records.front()->request_id;
        const std::lock_guard reply_lock(mutex_);
        without_verdict_ += reply.verdict ? 0 : 1;
        if (!reply.cached) loop_cpu_s_ = cpu_s();
        added.push_back(reply.cached ? 0.0 : total_s - server_.seconds_of(id.value()));
        --open;
        arrived_.notify_one();
      });
      lock.lock();
    }
    arrived_.wait(lock, [&] { return open == 0; });
    return added;
  }

  /// What the client's one thread has computed so far, as of the last reply.
  double loop_cpu_s() const { return loop_cpu_s_; }

  int without_verdict() const { return without_verdict_; }

 private:
  const TempFolder folder_;
  const SystemClock clock_;
  const int in_flight_;
  TimedServer server_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  int without_verdict_ = 0;
  double loop_cpu_s_ = 0.0;
  std::unique_ptr<HttpJudge> judge_;
};

/// Says whether a bar holds.
void judge_bar(benchmark::State& state, const Bench& bench, bool holds) {
  if (bench.without_verdict() > 0) return state.SkipWithError("answers without a verdict");
  state.SetLabel(holds ? "bar holds" : "bar MISSED");
}

void calls_in_flight_200(benchmark::State& state) {
  constexpr double kBar_ms = 5;
  constexpr int kInFlight = 200;
  for (auto _ : state) {
    Bench bench(kInFlight, 2.0);
    bench.ask(0, kInFlight);  // connections are made
    const double cpu_before_s = bench.loop_cpu_s();
    std::vector<double> added = bench.ask(kInFlight, 10 * kInFlight);
    std::ranges::sort(added);
    double mean_ms = 0.0;
    for (const double seconds : added)
      mean_ms += 1000 * seconds / static_cast<double>(added.size());
    state.counters["added_ms"] = mean_ms;
    state.counters["cpu_ms"] =
        1000 * (bench.loop_cpu_s() - cpu_before_s) / static_cast<double>(added.size());
    state.counters["median_ms"] = 1000 * added[added.size() / 2];
    state.counters["p95_ms"] = 1000 * added[added.size() * 95 / 100];
    judge_bar(state, bench, mean_ms <= kBar_ms);
  }
}
BENCHMARK(calls_in_flight_200)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

void stored_verdicts_10000(benchmark::State& state) {
  constexpr int kVerdicts = 10'000;
  constexpr double kBar_s = 1.0;
  constexpr int kRounds = 3;
  Bench bench(64, 0.0);
  bench.ask(0, kVerdicts);
  const double start_s = now_s();
  for (auto _ : state) bench.ask(0, kVerdicts);
  judge_bar(state, bench, (now_s() - start_s) / kRounds <= kBar_s);
}
BENCHMARK(stored_verdicts_10000)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

double resident_mb() {
  ::malloc_trim(0);  // what the allocator keeps for later is not ours to lose
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

void memory_over_10000_calls(benchmark::State& state) {
  constexpr double kBar_mb = 2;
  for (auto _ : state) {
    Bench bench(64, 0.0);
    bench.ask(0, 2000);
    const double before = resident_mb();
    bench.ask(2000, 10'000);
    const double after = resident_mb();
    state.counters["mb_at_2000"] = before;
    state.counters["mb_at_10000"] = after;
    judge_bar(state, bench, after - before <= kBar_mb);
  }
}
BENCHMARK(memory_over_10000_calls)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A 1,000-word piece of the story through the text statistics.
void lexical_1000_words(benchmark::State& state) {
  JudgeRequest piece = request(0);
  std::size_t words = 0;
  for (std::size_t at = 0; at < piece.story.size(); ++at) {
    if (piece.story[at] == ' ' && ++words == 1000) piece.story.resize(at);
  }
  for (auto _ : state) benchmark::DoNotOptimize(read_lexically(piece));
}
BENCHMARK(lexical_1000_words)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace polaris
