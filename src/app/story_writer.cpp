#include "app/story_writer.h"

#include <algorithm>

#include "app/vendor_writer.h"
#include "base/error.h"
#include "rollout/local_engine.h"
#include "rollout/remote_engine.h"
#include "weights/model_config.h"

namespace polaris {
namespace {

/// The weights' type: that of the sampler if it has its own. Steps of 255 are made of those.
ComputeDtype weight_dtype(const RunConfig& config) {
  switch (config.rollout.weight_dtype) {
    case RolloutDtype::kAuto:
    case RolloutDtype::kInt8:
      return config.model.compute_dtype;
    case RolloutDtype::kFloat32:
      return ComputeDtype::kFloat32;
    case RolloutDtype::kBfloat16:
      return ComputeDtype::kBfloat16;
  }
  throw Error(ErrorCode::kInternal, "an unknown rollout.weight_dtype");
}

std::vector<TokenId> stops_of(const ModelConfig& model, const StoryWriterOptions& options) {
  const Tokenizer* tokenizer = options.text ? &options.text->tokenizer() : nullptr;
  return stop_tokens(model, tokenizer, options.text ? options.text->end_of_turn() : "");
}

std::unique_ptr<RolloutEngine> local_writer(const RunConfig& config,
                                            const StoryWriterOptions& options) {
  const Policy policy = load_writer(config, options.model);
  return std::make_unique<LocalRolloutEngine>(
      policy, options.text ? &options.text->tokenizer() : nullptr,
      LocalRolloutEngine::Options{
          .seed = static_cast<std::uint64_t>(config.seed),
          .slots = config.rollout.slots,
          .stop_tokens = stops_of(policy.config(), options),
          .weights = weight_storage(config.rollout.weight_dtype),
          .ignore_stop_tokens = options.ignore_stop_tokens,
          .interrupted = options.interrupted,
          .on_token = [on_tokens = options.on_tokens](std::size_t, std::size_t, TokenId) {
            on_tokens(1);
          }});
}

}  // namespace

Policy load_writer(const RunConfig& config, const std::filesystem::path& model) {
  return Policy::load(model, weight_dtype(config), config.device, config.model.lora.adapter);
}

bool writes_text_only(const RunConfig& config) {
  return config.rollout.engine == EngineKind::kRemote && !config.rollout.remote.gives_token_ids();
}

std::unique_ptr<RolloutEngine> make_story_writer(const RunConfig& config,
                                                 const StoryWriterOptions& options) {
  if (config.rollout.engine == EngineKind::kLocal) return local_writer(config, options);
  const RemoteRolloutConfig& remote = config.rollout.remote;
  RemoteRolloutEngine::Options engine{.config = remote,
                                      .key = server_key(remote),
                                      .seed = static_cast<std::uint64_t>(config.seed),
                                      .interrupted = options.interrupted,
                                      .on_tokens = options.on_tokens,
                                      .on_cost = options.on_cost};
  if (writes_text_only(config))
    return std::make_unique<RemoteRolloutEngine>(
        std::make_unique<VendorWriter>(remote, config.model.system_message, writer_prices(remote),
                                       options.spent_usd),
        nullptr, std::move(engine));
  const ModelConfig model = read_model_config(options.model);
  engine.vocab_size = model.vocab_size;
  const Tokenizer* tokenizer = options.text ? &options.text->tokenizer() : nullptr;
  if (tokenizer != nullptr)
    engine.vocab_size =
        std::min(engine.vocab_size, static_cast<std::int64_t>(tokenizer->vocab_size()));
  if (!options.ignore_stop_tokens) engine.stop_tokens = stops_of(model, options);
  return std::make_unique<RemoteRolloutEngine>(make_story_server(remote), tokenizer,
                                               std::move(engine));
}

}  // namespace polaris
