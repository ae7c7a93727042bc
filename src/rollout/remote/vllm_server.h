#pragma once

#include <string>

#include "rollout/remote/story_server.h"

namespace polaris {

/// vLLM: /v1/completions with token ids in both directions, streamed. New weights from disk by
/// /collective_rpc reload_weights, stamped by /update_weight_version (both with
/// VLLM_SERVER_DEV_MODE=1), or as a LoRA adapter whose name is the stamp. Written against 0.33.0.
class VllmServer : public StoryServer {
 public:
  explicit VllmServer(const RemoteRolloutConfig& config) : config_(config), model_(config.model) {}

  bool gives_token_ids() const override { return true; }
  bool streams() const override { return true; }
  void look(ServerAdmin& admin) override;
  void check(const SamplingConfig& sampling) const override;
  std::optional<std::int64_t> context_tokens() const override { return context_tokens_; }
  HttpRequest request(const StoryCall& call) const override;
  void read(const Json& event, const StoryCall& call, ReceivedStory& story) const override;
  std::optional<std::string> policy(ServerAdmin& admin) override;
  void load_policy(ServerAdmin& admin, const std::string& label,
                   const std::filesystem::path& folder) override;

 private:
  bool writes_with_adapter(const StoryCall& call) const;
  void reload_from_disk(ServerAdmin& admin, const std::string& label,
                        const std::filesystem::path& folder);
  void load_adapter(ServerAdmin& admin, const std::string& label,
                    const std::filesystem::path& folder);

  RemoteRolloutConfig config_;
  std::string model_;
  std::optional<std::int64_t> context_tokens_;
  std::string adapter_;  // that we loaded last; empty: none
};

/// Where `name` is among the models of an answer of /v1/models: its "root", the folder of an
/// adapter; absent if it is not there.
std::optional<std::string> served_root(const Json& models, const std::string& name);

}  // namespace polaris
