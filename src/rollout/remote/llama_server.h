#pragma once

#include "rollout/remote/story_server.h"

namespace polaris {

/// llama-server: its own /completion with token ids in both directions. Not streamed, since its
/// stream leaves out the tokens of a character until the character is whole. Its weights stay as
/// they are. Written against llama.cpp 0.5 (of llama-cpp-python 0.3.36).
class LlamaServer : public StoryServer {
 public:
  explicit LlamaServer(const RemoteRolloutConfig& config) : config_(config) {}

  bool gives_token_ids() const override { return true; }
  bool streams() const override { return false; }
  void look(ServerAdmin& admin) override;
  void check(const SamplingConfig& sampling) const override;
  std::optional<std::int64_t> context_tokens() const override { return context_tokens_; }
  HttpRequest request(const StoryCall& call) const override;
  void read(const Json& event, const StoryCall& call, ReceivedStory& story) const override;

 private:
  RemoteRolloutConfig config_;
  std::optional<std::int64_t> context_tokens_;  // of one slot
};

}  // namespace polaris
