// What the rules of the reward cost: one step is 48 stories, each of 6,000 words here; the bar is
// 50 ms on one core (rules_of_a_step).
//
//   reward_bench                      # prose of data/starter/train.jsonl
//   POLARIS_BENCH_TEXT=FILE reward_bench
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/json.h"
#include "reward/blank.h"
#include "reward/rules.h"
#include "reward/self_repetition.h"

namespace polaris {
namespace {

constexpr std::size_t kStories = 48;
constexpr std::size_t kWords = 6000;

std::string prose() {
  if (const char* path = std::getenv("POLARIS_BENCH_TEXT")) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string stories;
  std::ifstream file(POLARIS_SOURCE_DIR "/data/starter/train.jsonl");
  for (std::string line; std::getline(file, line);)
    stories += Json::parse(line).at("story").get<std::string>() + "\n\n";
  return stories;
}

/// Windows of 6,000 words into the prose, each beginning elsewhere.
const std::vector<std::string>& stories() {
  static const std::vector<std::string> stories = [] {
    const std::string text = prose();
    std::vector<std::size_t> begins;  // of words
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != ' ' && (at == 0 || text[at - 1] == ' ')) begins.push_back(at);
    }
    std::vector<std::string> cut;
    for (std::size_t i = 0; i < kStories && begins.size() > kWords; ++i) {
      const std::size_t first = i * (begins.size() - kWords - 1) / kStories;
      cut.push_back(text.substr(begins[first], begins[first + kWords] - begins[first]));
    }
    return cut;
  }();
  return stories;
}

/// Runs `work` on the stories of a step.
template <class Work>
void for_each_story(benchmark::State& state, Work&& work) {
  if (stories().empty()) {
    state.SkipWithError("the text is shorter than one story");
    return;
  }
  std::size_t bytes = 0;
  for (const std::string& story : stories()) bytes += story.size();
  for (auto _ : state) {
    for (const std::string& story : stories()) benchmark::DoNotOptimize(work(story));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
}

void rules_of_a_step(benchmark::State& state) {
  const RewardConfig config;
  for_each_story(state, [&](const std::string& story) {
    return rule_parts(
        {.request = {.prompt = "Write about fog. Your story should be 6,000 words long."},
         .story = story,
         .tokens = ResponseTokens{.count = 8000, .thinking = 500, .limit = 8192}},
        config);
  });
}
BENCHMARK(rules_of_a_step)->Unit(benchmark::kMillisecond);

void self_repetition_alone(benchmark::State& state) {
  for_each_story(state, [](const std::string& story) { return self_repetition(story, {}); });
}
BENCHMARK(self_repetition_alone)->Unit(benchmark::kMillisecond);

void word_count_alone(benchmark::State& state) {
  for_each_story(state, [](const std::string& story) { return count_text(story, WordForm::kNfc); });
}
BENCHMARK(word_count_alone)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace polaris
