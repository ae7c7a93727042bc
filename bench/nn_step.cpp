// One forward pass, one forward and backward pass or one matrix product per line that is read, each
// timed by itself: bench/nn_peers.py alternates it with another program that speaks the same
// (bench/peers/transformers_step.py).
//
//   nn_step MODEL TOKENS     one thread; TOKENS holds a sequence of ids per line
//
//   forward DTYPE ROWS LENGTH             log-probs of the first LENGTH tokens of ROWS sequences
//   train DTYPE ROWS LENGTH [recompute]   the same, and the gradient of their mean
//   gemm DTYPE M N K                      c [M, N] = a [M, K] b [N, K]^T
//
// DTYPE is float32 or bfloat16. The answer is a line of JSON: wall_s and cpu_s (all threads of the
// process), peak_rss [bytes]; loss [nats per token] where there is one; grad_norm and `apply`, the
// same two times of the optimizer step (with learning rate 0) after a gradient.
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "nn/internal/gemm.h"
#include "nn/policy.h"
#include "nn/torch_learner.h"
#include "step_protocol.h"

namespace polaris {
namespace {

/// Answers requests. A model is loaded when it is first asked for.
class Steps {
 public:
  Steps(std::string model, const std::string& tokens)
      : model_(std::move(model)), sequences_(read_sequences(tokens)) {}

  Json answer(Arguments arguments) {
    if (arguments.request() == "forward") return forward(arguments);
    if (arguments.request() == "train") return train(arguments);
    if (arguments.request() == "gemm") return gemm(arguments);
    throw arguments.misread();
  }

 private:
  Json forward(Arguments& arguments) {
    const ComputeDtype dtype = arguments.dtype();
    const std::vector<Sequence> sequences = cut(arguments);
    auto known = policies_.find(dtype);
    if (known == policies_.end())
      known = policies_.emplace(dtype, Policy::load(model_, dtype, kOneThread)).first;

    std::vector<ScoreRequest> requests;
    for (const Sequence& tokens : sequences) requests.push_back({.tokens = tokens});
    const Stopwatch watch;
    const auto scores = known->second.score(requests);
    Json answer = watch.read();

    double sum = 0.0;
    std::size_t count = 0;
    for (const TokenScores& sequence : scores) {
      for (const float logprob : sequence.logprobs) sum += logprob;
      count += sequence.logprobs.size();
    }
    answer["loss"] = -sum / static_cast<double>(count);
    return answer;
  }

  Json train(Arguments& arguments) {
    const ComputeDtype dtype = arguments.dtype();
    std::vector<Row> rows;
    std::size_t scored = 0;
    for (const Sequence& tokens : cut(arguments)) {
      rows.push_back({.prompt_tokens = {tokens.front()},
                      .response_tokens = {tokens.begin() + 1, tokens.end()},
                      .advantage = 1.0});
      scored += tokens.size() - 1;
    }
    TorchLearner& learner = this->learner(dtype, arguments.flag("recompute"));

    const Stopwatch watch;
    learner.accumulate(rows);
    Json answer = watch.read();

    const Stopwatch apply_watch;
    const UpdateStats stats = learner.apply(1.0 / static_cast<double>(scored));
    answer["apply"] = apply_watch.read();
    answer["loss"] = stats.loss;
    answer["grad_norm"] = stats.grad_norm;
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

  std::vector<Sequence> cut(Arguments& arguments) const {
    const std::int64_t rows = arguments.number();
    const auto length = static_cast<std::size_t>(arguments.number());
    if (rows > std::ssize(sequences_))
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{} sequences asked for, {} are there", rows, sequences_.size()));
    std::vector<Sequence> sequences(sequences_.begin(), sequences_.begin() + rows);
    for (Sequence& tokens : sequences) tokens.resize(std::min(length, tokens.size()));
    return sequences;
  }

  TorchLearner& learner(ComputeDtype dtype, bool recompute) {
    auto& learner = learners_[{dtype, recompute}];
    if (!learner) {
      TorchLearnerOptions options{.device = kOneThread, .objective = Objective::kLikelihood};
      options.model.path = model_;
      options.model.compute_dtype = dtype;
      options.learner.recompute = recompute;
      options.optimizer.lr = 0.0;
      learner = std::make_unique<TorchLearner>(options);
    }
    return *learner;
  }

  std::string model_;
  std::vector<Sequence> sequences_;
  std::map<ComputeDtype, Policy> policies_;
  std::map<std::pair<ComputeDtype, bool>, std::unique_ptr<TorchLearner>> learners_;
};

}  // namespace
}  // namespace polaris

int main(int argc, char** argv) { return polaris::serve<polaris::Steps>("nn_step", argc, argv); }
