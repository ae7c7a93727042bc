#pragma once

#include <string>

#include "rollout/remote/story_server.h"

namespace polaris {

/// SGLang: its own /generate with token ids in both directions, streamed, every answer stamped with
/// the version of the weights. New weights by /update_weights_from_disk, or as a LoRA adapter whose
/// name is the stamp. Written against 0.5.23.
class SglangServer : public StoryServer {
 public:
  explicit SglangServer(const RemoteRolloutConfig& config) : config_(config) {}

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
  void load_adapter(ServerAdmin& admin, const std::string& label,
                    const std::filesystem::path& folder);

  RemoteRolloutConfig config_;
  std::optional<std::int64_t> context_tokens_;
  std::string adapter_;  // that we loaded last; empty: none
};

}  // namespace polaris
