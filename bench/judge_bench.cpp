// What our side of an HTTP judge costs. The bars: 200 calls in flight on one thread add at most
// 5 ms each (added_ms); 10,000 stored verdicts are read within 1 s; memory stays flat over 10,000
// calls (grown_mb, from the 1,000th call on).
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "base/loopback_server.h"
#include "base/temp_folder.h"
#include "judge/http_judge.h"
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
Reply answer(double delay_s) {
  static const std::string kBody = [] {
    const JudgeRequest story = request(0);
    const std::string text = lexical_answer_object(read_lexically(story), setup().rubric).dump();
    return Json{{"choices", {{{"message", {{"content", text}}}, {"finish_reason", "stop"}}}},
                {"usage", {{"prompt_tokens", 6000}, {"completion_tokens", 2000}}}}
        .dump();
  }();
  return {.body = kBody, .delay_s = delay_s};
}

/// A judge with stored answers of its own.
class Bench {
 public:
  Bench(int in_flight, double delay_s)
      : server_([delay_s](const ServerRequest&) { return answer(delay_s); }) {
    const JudgeConfig config = {.kind = JudgeKind::kHttp,
                                .base_url = server_.url("/v1"),
                                .model = "m",
                                .max_output_tokens = 16000,
                                .concurrency = in_flight,
                                .cache = (folder_ / "judge.db").string()};
    judge_ = std::make_unique<HttpJudge>(config, setup(), HttpJudgeParts{}, clock_);
  }

  /// Asks about stories first ... last - 1. @return the seconds that each answer took
  std::vector<double> ask(int first, int last) {
    std::vector<double> latencies;
    for (int i = first; i < last; ++i) {
      judge_->submit(request(i), [&](JudgeReply reply) {
        const std::lock_guard lock(mutex_);
        without_verdict_ += reply.verdict ? 0 : 1;
        latencies.push_back(reply.latency_s);
        arrived_.notify_all();
      });
    }
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return latencies.size() == static_cast<std::size_t>(last - first); });
    return latencies;
  }

  int without_verdict() const { return without_verdict_; }

 private:
  const TempFolder folder_;
  const SystemClock clock_;
  LoopbackServer server_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  int without_verdict_ = 0;
  std::unique_ptr<HttpJudge> judge_;
};

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

void calls_in_flight_200(benchmark::State& state) {
  constexpr double kDelay_s = 1.0;
  for (auto _ : state) {
    Bench bench(200, kDelay_s);
    std::vector<double> latencies = bench.ask(0, 200);
    std::ranges::sort(latencies);
    const double mean = std::accumulate(latencies.begin(), latencies.end(), 0.0) / 200;
    state.counters["added_ms"] = 1000 * (mean - kDelay_s);
    state.counters["added_p95_ms"] = 1000 * (latencies[189] - kDelay_s);
    if (bench.without_verdict() > 0) state.SkipWithError("answers without a verdict");
  }
}
BENCHMARK(calls_in_flight_200)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

void stored_verdicts_10000(benchmark::State& state) {
  constexpr int kVerdicts = 10'000;
  Bench bench(64, 0.0);
  bench.ask(0, kVerdicts);
  for (auto _ : state) bench.ask(0, kVerdicts);
}
BENCHMARK(stored_verdicts_10000)->Iterations(3)->Unit(benchmark::kMillisecond)->UseRealTime();

void memory_over_10000_calls(benchmark::State& state) {
  for (auto _ : state) {
    Bench bench(64, 0.0);
    bench.ask(0, 1000);
    const double before = resident_mb();
    for (int i = 1000; i < 10'000; i += 1000) bench.ask(i, i + 1000);
    state.counters["grown_mb"] = resident_mb() - before;
  }
}
BENCHMARK(memory_over_10000_calls)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace polaris
