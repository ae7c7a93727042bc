#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "rollout/remote/server_admin.h"
#include "rollout/remote/story_server.h"
#include "rollout/rollout_engine.h"
#include "text/tokenizer.h"

namespace polaris {

/// How a policy of this process gets to the server.
struct PolicyExport {
  std::string run;               ///< part of the stamps: two runs must not share it
  std::filesystem::path folder;  ///< ours alone; the server sees it under the same path
  /// Writes the policy as the server is to load it: a checkpoint or, with
  /// rollout.remote.weights = lora, a PEFT adapter.
  std::function<void(const std::filesystem::path& folder)> save;
};

/// Lets a server write, many stories at a time, one call for each. A story that fails for a passing
/// reason is asked for again, from its beginning and with the same seed. Nothing is taken on trust:
/// the server's weights are compared with the policy that is asked for, before and after the
/// stories and in every answer that names them; ids, stop tokens and lengths must be the model's.
///
/// Log-probs are there where the server reports those of Rollout::logprobs, and then for all
/// tokens; sampled_logprobs are not. Details by server: docs/remote_rollouts.md.
class RemoteRolloutEngine : public RolloutEngine {
 public:
  struct Options {
    RemoteRolloutConfig config;
    std::string key;  ///< of the server; empty: none
    std::uint64_t seed = 0;
    std::vector<TokenId> stop_tokens;  ///< each ends a story; none: nothing but the limit does
    std::int64_t vocab_size = 0;       ///< of the model; not used where the server gives text only
    std::optional<PolicyExport> weights;  ///< absent: the server's weights are taken as they are
    HttpClientOptions client;
    std::function<bool()> interrupted = [] { return false; };  ///< asked every 50 ms
    std::function<void(std::int64_t tokens)> on_tokens = [](std::int64_t) {};
    /// What a story has cost, called right before on_rollout; absent: not known.
    std::function<void(std::optional<double> usd)> on_cost = [](std::optional<double>) {};
  };

  /// @param tokenizer  borrowed; null: rollouts of servers that give ids have no text
  RemoteRolloutEngine(std::unique_ptr<StoryServer> server, const Tokenizer* tokenizer,
                      Options options);
  ~RemoteRolloutEngine() override;

  /// Gives the server the policy's weights, unless it has them, and waits until it says so.
  /// @throws Error{kUnavailable, kInvalidConfig, kIo, kInterrupted}
  void use_policy(std::int64_t policy_version) override;

  /// @throws Error{kInvalidConfig} for what this server cannot do as asked; Error{kUnavailable}
  ///         for a story whose attempts are used up, and where the server's weights are not those
  ///         of the policy; Error{kBudget}; Error{kInterrupted}
  std::vector<RolloutGroup> generate(const RolloutRequest& request,
                                     const OnRollout& on_rollout) override;

 private:
  class Run;

  void look();
  void check_policy(std::string_view when);
  void check_room(const RolloutRequest& request) const;
  HttpRequest http_request(const StoryCall& call) const;

  std::unique_ptr<StoryServer> server_;
  const Tokenizer* tokenizer_;
  Options options_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<ServerAdmin> admin_;
  std::int64_t version_ = 0;
  std::string asked_policy_;  // the stamp of use_policy(); empty without weights of ours
  std::optional<std::string> served_policy_;  // what answers must be stamped with, as far as known
  bool has_looked_ = false;
};

/// The key that rollout.remote.api_key_env names; "" if it names none.
/// @throws Error{kInvalidConfig} if that variable is not set
std::string server_key(const RemoteRolloutConfig& config);

/// The server that rollout.remote.server names, of those that give token ids.
std::unique_ptr<StoryServer> make_story_server(const RemoteRolloutConfig& config);

}  // namespace polaris
