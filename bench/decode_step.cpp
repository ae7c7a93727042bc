// Decode steps, reads of memory, or draws of a token per line that is read, each timed by itself:
// bench/decode_bars.py alternates them.
//
//   decode_step MODEL TOKENS     one thread; TOKENS holds a sequence of ids per line
//
//   decode STORAGE ROWS TOKENS TIMES   as often: so many steps of ROWS sequences beside each other;
//                                weights are float32, bfloat16 or int8
//   read BYTES TIMES             memory of that size, read so often
//   gemm DTYPE M N K             c [M, N] = a [M, K] b [N, K]^T
//   sample ROWS                  a token of each of so many rows of 248,320 logits, with top-k 20,
//                                top-p 0.95 and a repetition penalty
//
// The answer to `decode` also has `bytes`, what the packed weights take, and `digest`, of the first
// sequence's logits: sequences are the same whatever ROWS is.
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>

#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include "base/random.h"
#include "nn/decode_session.h"
#include "nn/internal/gemm.h"
#include "nn/internal/packed_decoder.h"
#include "nn/kernels/logit_kernels.h"
#include "rollout/sampler.h"
#include "step_protocol.h"

namespace polaris {
namespace {

constexpr std::int64_t kVocabulary = 248'320;
constexpr std::size_t kPromptTokens = 1000;  // that the penalty knows

/// Follows bits, not values (FNV-1a).
std::uint64_t digest(std::span<const float> values, std::uint64_t hash) {
  for (const float value : values) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 1'099'511'628'211U;
  }
  return hash;
}

std::vector<float> random_floats(std::int64_t count) {
  RandomStream random({.seed = 1});
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(3 * random.normal());
  return values;
}

class Steps {
 public:
  Steps(std::string model, const std::string& tokens)
      : model_(std::move(model)), sequences_(read_sequences(tokens)) {}

  Json answer(Arguments arguments) {
    if (arguments.request() == "decode") return decode(arguments);
    if (arguments.request() == "read") return read(arguments);
    if (arguments.request() == "gemm") return gemm(arguments);
    if (arguments.request() == "sample") return sample(arguments);
    throw arguments.misread();
  }

 private:
  Json decode(Arguments& arguments) {
    const DecodeWeights& weights = this->weights(arguments.word(), arguments);
    const std::int64_t rows = arguments.number(), count = arguments.number();
    if (rows > std::ssize(sequences_)) throw arguments.misread();
    Json answer = {{"wall_s", 0.0}, {"cpu_s", 0.0}};
    std::uint64_t hash = 14'695'981'039'346'656'037U;
    for (std::int64_t times = arguments.number(); times > 0; --times) {
      const Json seconds = decode(weights, rows, count, hash);
      for (auto& [clock, sum] : answer.items())
        sum = sum.get<double>() + seconds.at(clock).get<double>();
    }
    answer["bytes"] = weights.packed()->bytes();
    answer["digest"] = fmt::format("{:016x}", hash);
    return answer;
  }

  Json decode(const DecodeWeights& weights, std::int64_t rows, std::int64_t count,
              std::uint64_t& hash) {
    DecodeSession session(weights, rows, count + 1);
    std::vector<std::int64_t> slots;
    for (std::int64_t row = 0; row < rows; ++row) {
      session.begin(row, std::span(sequences_[row]).first(1));
      slots.push_back(row);
    }
    std::vector<TokenId> tokens(static_cast<std::size_t>(rows));
    std::span<const float> first;
    const Stopwatch watch;
    for (std::int64_t step = 1; step <= count; ++step) {
      for (std::int64_t row = 0; row < rows; ++row)
        tokens[row] = sequences_[row][step % sequences_[row].size()];
      const auto logits = session.step(slots, tokens);
      first = logits.first(logits.size() / slots.size());
    }
    Json seconds = watch.read();
    hash = digest(first, hash);
    return seconds;
  }

  Json read(Arguments& arguments) {
    const std::int64_t count = arguments.number() / 4, times = arguments.number();
    memory_.resize(static_cast<std::size_t>(count), 1.0F);
    const auto read_all = kernels::logit_kernels().next_above;
    const Stopwatch watch;
    std::int64_t end = 0;
    for (std::int64_t i = 0; i < times; ++i)
      end += read_all(memory_.data(), 0, count, std::numeric_limits<float>::infinity());
    Json answer = watch.read();
    if (end != count * times) throw arguments.misread();
    return answer;
  }

  static Json gemm(Arguments& arguments) {
    const auto type = arguments.dtype() == ComputeDtype::kBfloat16 ? at::kBFloat16 : at::kFloat;
    const std::int64_t m = arguments.number(), n = arguments.number(), k = arguments.number();
    const at::Tensor a = at::randn({m, k}).to(type), b = at::randn({n, k}).to(type);
    const at::Tensor c = at::empty({m, n}, at::kFloat);
    const Stopwatch watch;
    nn::gemm_nt(c, a, b);
    return watch.read();
  }

  Json sample(Arguments& arguments) {
    const std::int64_t rows = arguments.number();
    if (std::ssize(logits_) != rows * kVocabulary) logits_ = random_floats(rows * kVocabulary);
    const SamplerVocabulary vocabulary{.size = kVocabulary};
    std::vector<TokenId> prompt;
    for (std::size_t i = 0; i < kPromptTokens; ++i)
      prompt.push_back(static_cast<TokenId>(i * 7919 % kVocabulary));
    Sampler sampler({}, vocabulary, {.seed = 1}, prompt);
    SamplerScratch scratch;
    const Stopwatch watch;
    for (std::int64_t row = 0; row < rows; ++row)
      sampler.draw(std::span(logits_).subspan(row * kVocabulary, kVocabulary), scratch);
    return watch.read();
  }

  const DecodeWeights& weights(const std::string& name, const Arguments& arguments) {
    static const std::map<std::string, WeightStorage> storages = {
        {"float32", WeightStorage::kFloat32},
        {"bfloat16", WeightStorage::kBfloat16},
        {"int8", WeightStorage::kInt8}};
    const auto storage = storages.find(name);
    if (storage == storages.end()) throw arguments.misread();
    if (!policy_) policy_ = Policy::load(model_, ComputeDtype::kFloat32, kOneThread);
    const auto known = weights_.find(name);
    if (known != weights_.end()) return known->second;
    return weights_.emplace(name, DecodeWeights(*policy_, storage->second)).first->second;
  }

  std::string model_;
  std::vector<Sequence> sequences_;
  std::optional<Policy> policy_;
  std::map<std::string, DecodeWeights> weights_;
  std::vector<float> memory_, logits_;
};

}  // namespace
}  // namespace polaris

int main(int argc, char** argv) {
  return polaris::serve<polaris::Steps>("decode_step", argc, argv);
}
