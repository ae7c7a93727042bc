#include "train/rollout_engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "rollout/local_engine.h"
#include "rollout/remote_engine.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// The stamp of a run's policies: the same whenever the run goes on, another for any other run.
std::string run_stamp(const fs::path& run_dir) {
  return fmt::format("polaris-{:08x}", id_hash(fs::weakly_canonical(run_dir).string()));
}

std::unique_ptr<RolloutEngine> make_remote_engine(const RunConfig& config,
                                                  const TorchLearner& learner, const RunText& text,
                                                  const fs::path& run_dir,
                                                  std::function<bool()> interrupted) {
  const RemoteRolloutConfig& remote = config.rollout.remote;
  const Policy policy = learner.policy();
  const ModelConfig& model = policy.config();
  return std::make_unique<RemoteRolloutEngine>(
      make_story_server(remote), &text.tokenizer(),
      RemoteRolloutEngine::Options{
          .config = remote,
          .key = server_key(remote),
          .seed = static_cast<std::uint64_t>(config.seed),
          .stop_tokens = stop_tokens(model, &text.tokenizer(), end_of_turn(text.chat().chat.kind)),
          .vocab_size =
              std::min(model.vocab_size, static_cast<std::int64_t>(text.tokenizer().vocab_size())),
          .weights =
              PolicyExport{
                  .run = run_stamp(run_dir),
                  .folder = fs::absolute(run_dir) / "remote",
                  .save = [&learner](const fs::path& folder) { learner.save_model(folder); }},
          .interrupted = std::move(interrupted)});
}

}  // namespace

void check_trainable(const RunConfig& config) {
  const auto need = [](bool holds, const char* message) {
    if (!holds) throw Error(ErrorCode::kInvalidConfig, message);
  };
  need(config.rollout.weight_dtype != RolloutDtype::kInt8 ||
           config.loss.importance_weights != ImportanceWeights::kOff,
       "rollout.weight_dtype = int8 draws from another distribution than the trained one; set "
       "loss.importance_weights = truncated");
  if (config.rollout.engine == EngineKind::kLocal) return;
  const RemoteRolloutConfig& remote = config.rollout.remote;
  need(remote.takes_weights(),
       "training gives the server new weights and needs its token ids: set rollout.remote.server "
       "to vllm or sglang");
  const bool lora = config.model.lora.is_used();
  need(!lora || remote.weights == RemoteWeights::kLora,
       "model.lora trains an adapter; set rollout.remote.weights = lora");
  need(lora || remote.weights == RemoteWeights::kDisk,
       "rollout.remote.weights = lora needs model.lora.enabled = true; set it, or weights = disk");
  const SamplingConfig& sampling = config.rollout.sampling;
  const bool has_logprobs =
      remote.server == RemoteServer::kVllm
          ? sampling.temperature == 1.0
          : sampling.presence_penalty == 0.0 && sampling.frequency_penalty == 0.0;
  need(has_logprobs || config.loss.importance_weights == ImportanceWeights::kOff,
       "loss.importance_weights = truncated needs log-probs that this server has only at "
       "rollout.temperature = 1 (vllm) and without presence and frequency penalty (sglang)");
  const auto server = make_story_server(remote);
  server->check(sampling);
  if (config.train.validate_first || config.train.validate_every > 0)
    server->check({.repetition_penalty = config.validation.repetition_penalty});
}

std::unique_ptr<RolloutEngine> make_rollout_engine(const RunConfig& config,
                                                   const TorchLearner& learner, const RunText& text,
                                                   const fs::path& run_dir,
                                                   std::function<bool()> interrupted) {
  if (config.rollout.engine == EngineKind::kRemote)
    return make_remote_engine(config, learner, text, run_dir, std::move(interrupted));
  const Policy policy = learner.policy();
  return std::make_unique<LocalRolloutEngine>(
      policy, &text.tokenizer(),
      LocalRolloutEngine::Options{.seed = static_cast<std::uint64_t>(config.seed),
                                  .slots = config.rollout.slots,
                                  .stop_tokens = stop_tokens(policy.config(), &text.tokenizer(),
                                                             end_of_turn(text.chat().chat.kind)),
                                  .weights = weight_storage(config.rollout.weight_dtype),
                                  .interrupted = std::move(interrupted)});
}

}  // namespace polaris
