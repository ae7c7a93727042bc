#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "app/model_text.h"
#include "nn/policy.h"
#include "rollout/rollout_engine.h"
#include "train/run_config.h"

namespace polaris {

/// A model of this process to write with: weights of rollout.weight_dtype, else of the type that
/// the model computes in, and its adapter if model.lora names one.
Policy load_writer(const RunConfig& config, const std::filesystem::path& model);

/// Whether stories come from a writer that has no token ids: a vendor's model, or a server of chat
/// completions. It needs no model here.
bool writes_text_only(const RunConfig& config);

/// What `generate` wants of whoever writes.
struct StoryWriterOptions {
  std::filesystem::path model;  ///< folder; not used where only text is written
  ModelText* text = nullptr;    ///< of the model; null: it has no tokenizer
  bool ignore_stop_tokens = false;
  double spent_usd = 0.0;  ///< by earlier starts of the same command
  std::function<bool()> interrupted;
  std::function<void(std::int64_t tokens)> on_tokens;
  std::function<void(std::optional<double> usd)> on_cost;  ///< of a story, before it is handed over
};

/// rollout.engine, with the weights that it has: the model's folder, or what the server serves.
std::unique_ptr<RolloutEngine> make_story_writer(const RunConfig& config,
                                                 const StoryWriterOptions& options);

}  // namespace polaris
