#include "nn/policy.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "nn/internal/logprob_head.h"
#include "nn/internal/model.h"
#include "nn/internal/packed_targets.h"
#include "nn/internal/torch_errors.h"
#include "nn/micro_batches.h"
#include "nn/sequence_check.h"

namespace polaris {
namespace {

nn::HeadScores score_pack(const nn::Model& model, const nn::PackedTargets& pack,
                          double temperature) {
  const at::Device device = model.device();
  const nn::PackedBatch batch(model.config(), pack.tokens, pack.lengths, device);
  const at::Tensor positions = at::tensor(pack.positions, at::kLong).to(device);
  const at::Tensor targets = at::tensor(pack.targets, at::kLong).to(device);
  const at::Tensor x = model.decoder.hidden(batch);
  const at::Tensor normed = model.decoder.final_norm(at::index_select(x, 0, positions));
  return nn::head_logprobs(normed, model.decoder.head().value, targets, temperature);
}

}  // namespace

Policy Policy::load(const std::filesystem::path& folder, ComputeDtype dtype,
                    const DeviceConfig& device_config, const std::string& adapter) {
  return nn::translating("loading the model", "see polaris model info for what it needs", [&] {
    const at::Device device = nn::open_device(device_config);
    return Policy(std::make_shared<const nn::Model>(
        folder, nn::StoreOptions{.device = device, .compute = nn::compute_type(dtype, device)},
        LoraConfig{.adapter = adapter}));
  });
}

const ModelConfig& Policy::config() const { return model_->config(); }

void Policy::check(const ScoreRequest& request) const {
  check_tokens(request.tokens, config().vocab_size, "tokens");
  const auto count = static_cast<std::int64_t>(request.tokens.size());
  if (request.start < 1 || request.start > count)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("start is {}, but {} tokens can be scored from 1 to {} on",
                            request.start, count, count));
}

std::vector<TokenScores> Policy::score(std::span<const ScoreRequest> requests, double temperature,
                                       std::int64_t microbatch_tokens) const {
  std::vector<std::size_t> scored;  // those with a token to score
  std::vector<std::int64_t> tokens;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    try {
      check(requests[i]);
    } catch (const Error& e) {
      throw e.within(fmt::format("sequence {}", i));
    }
    const auto count = static_cast<std::int64_t>(requests[i].tokens.size());
    if (requests[i].start == count) continue;
    scored.push_back(i);
    tokens.push_back(count - 1);
  }
  std::vector<TokenScores> results(requests.size());
  const c10::NoGradGuard no_graph;
  for (auto& batch : make_micro_batches(tokens, microbatch_tokens)) {
    for (std::size_t& index : batch) index = scored[index];
    nn::PackedTargets pack;
    for (const std::size_t i : batch)
      pack.add(requests[i].tokens.first(requests[i].start),
               requests[i].tokens.subspan(requests[i].start));
    const nn::HeadScores scores =
        nn::translating("scoring", "use shorter sequences or a smaller micro-batch",
                        [&] { return score_pack(*model_, pack, temperature); });
    auto logprob = scores.logprobs.begin();
    auto entropy = scores.entropies.begin();
    for (const std::size_t i : batch) {
      const auto count = static_cast<std::ptrdiff_t>(requests[i].tokens.size()) - requests[i].start;
      results[i] = {.logprobs = {logprob, logprob + count},
                    .entropies = {entropy, entropy + count}};
      logprob += count;
      entropy += count;
    }
  }
  return results;
}

}  // namespace polaris
