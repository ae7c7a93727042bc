// How fast text becomes tokens, and how long a vocabulary of published size takes to load.
//
//   text_bench                      # the stories of data/starter/train.jsonl
//   POLARIS_BENCH_TEXT=FILE text_bench
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>

#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/pretokenizer.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace polaris {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// English prose.
const std::string& prose() {
  static const std::string text = [] {
    if (const char* path = std::getenv("POLARIS_BENCH_TEXT")) return file_text(path);
    std::string stories;
    std::ifstream file(POLARIS_SOURCE_DIR "/data/starter/train.jsonl");
    for (std::string line; std::getline(file, line);)
      stories += Json::parse(line).at("story").get<std::string>() + "\n\n";
    return stories;
  }();
  return text;
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
}

/// What any tokenizer has to do at least: look at every character.
void scan(benchmark::State& state) {
  const std::string& text = prose();
  for (auto _ : state) {
    std::size_t letters = 0;
    for (std::size_t pos = 0; pos < text.size();) letters += is_letter(decode_utf8(text, pos));
    benchmark::DoNotOptimize(letters);
  }
  set_bytes(state, text.size());
}
BENCHMARK(scan);

void cut_into_pieces(benchmark::State& state) {
  const std::string& text = prose();
  for (auto _ : state) {
    std::size_t pieces = 0;
    for (std::size_t pos = 0; pos < text.size(); ++pieces)
      pos = piece_end(SplitPattern::kQwen3_5, text, pos);
    benchmark::DoNotOptimize(pieces);
  }
  set_bytes(state, text.size());
}
BENCHMARK(cut_into_pieces);

void encode(benchmark::State& state, const char* folder) {
  const auto tokenizer = Tokenizer::load(POLARIS_SOURCE_DIR "/tests/golden/" + std::string(folder));
  const std::string& text = prose();
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text));
  set_bytes(state, text.size());
}
BENCHMARK_CAPTURE(encode, qwen3_5, "tokenizer");
BENCHMARK_CAPTURE(encode, llama3, "tokenizer_llama3");
BENCHMARK_CAPTURE(encode, tekken, "tokenizer_tekken");
BENCHMARK_CAPTURE(encode, mistral, "tokenizer_mistral");

void decode(benchmark::State& state) {
  const auto tokenizer = Tokenizer::load(POLARIS_SOURCE_DIR "/tests/golden/tokenizer");
  const auto ids = tokenizer.encode(prose());
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids));
  set_bytes(state, prose().size());
}
BENCHMARK(decode);

/// A tokenizer.json of the size of Qwen3.5's: 248,044 tokens, each but the bytes made by a merge of
/// two earlier ones.
std::string large_tokenizer_json() {
  constexpr std::size_t kTokens = 248'044;
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    const char value = static_cast<char>(byte);
    append_stand_ins(tokens.emplace_back(), {&value, 1});
  }
  std::set<std::string> known(tokens.begin(), tokens.end());
  std::string merges;
  std::mt19937 random(1);
  while (tokens.size() < kTokens) {
    const std::string& left = tokens[random() % tokens.size()];
    const std::string& right = tokens[random() % tokens.size()];
    if (left.size() + right.size() > 24 || !known.insert(left + right).second) continue;
    merges += (merges.empty() ? "\n      " : ",\n      ") + Json(left + " " + right).dump();
    tokens.push_back(left + right);
  }
  std::string vocabulary;
  for (std::size_t id = 0; id < kTokens; ++id) {
    vocabulary += fmt::format("{}\n      {}: {}", id == 0 ? "" : ",", Json(tokens[id]).dump(), id);
  }
  Json file = Json::parse(file_text(POLARIS_SOURCE_DIR "/tests/golden/tokenizer/tokenizer.json"));
  file.erase("added_tokens");
  file["model"]["vocab"] = "VOCABULARY";
  file["model"]["merges"] = "MERGES";
  std::string text = file.dump(2);
  const auto replace = [&](const std::string& mark, const std::string& with) {
    text.replace(text.find(mark), mark.size(), with);
  };
  replace("\"VOCABULARY\"", "{" + vocabulary + "}");
  replace("\"MERGES\"", "[" + merges + "]");
  return text;
}

void load_248k_tokens(benchmark::State& state) {
  const std::string json = large_tokenizer_json();
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::parse(json, "synthetic"));
  set_bytes(state, json.size());
}
BENCHMARK(load_248k_tokens)->Unit(benchmark::kMillisecond);

void encode_with_248k_tokens(benchmark::State& state) {
  const auto tokenizer = Tokenizer::parse(large_tokenizer_json(), "synthetic");
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(prose()));
  set_bytes(state, prose().size());
}
BENCHMARK(encode_with_248k_tokens);

}  // namespace
}  // namespace polaris

BENCHMARK_MAIN();
