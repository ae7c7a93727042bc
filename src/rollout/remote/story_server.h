#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.h"
#include "base/json.h"
#include "rl/types.h"
#include "rollout/rollout_config.h"

namespace polaris {

class ServerAdmin;

/// What a story is asked for, in no server's words.
struct StoryCall {
  const Prompt* prompt = nullptr;
  SamplingConfig sampling;
  std::vector<TokenId> stop_tokens;  ///< each ends the story; none: nothing but the limit does
  std::uint32_t seed = 0;            ///< the same in every attempt
  std::string policy;  ///< label of the weights to write with; empty: those that are there
};

/// What has come of a story.
struct ReceivedStory {
  std::vector<TokenId> tokens;     ///< of a server that gives ids, its stop token included
  std::vector<float> logprobs;     ///< as Rollout::logprobs; empty where the server has other ones
  std::string text;                ///< of a server that gives text only
  std::size_t thought_bytes = 0;   ///< of its reasoning, which is not kept
  std::optional<StopReason> stop;  ///< absent: the story has not ended
  std::vector<std::string> policies;  ///< labels that the server says it wrote with
  std::optional<double> cost_usd;     ///< absent: nobody charges, or the price is not known
};

/// Whether a paid call may go out.
enum class Admission { kGo, kLater, kNever };

/// One kind of server: its calls as data, nothing of connections, retries and deadlines. Story
/// calls may be made from any thread. Implementations: vllm_server.h, sglang_server.h,
/// llama_server.h, and app/vendor_writer.h.
class StoryServer {
 public:
  virtual ~StoryServer() = default;

  virtual bool gives_token_ids() const = 0;

  /// Whether a story comes as a stream of server-sent events, else as one body.
  virtual bool streams() const = 0;

  /// The first look at the server: which models, which limits. Called before anything below.
  /// @throws Error{kInvalidConfig} for a server that is not what it is taken for
  virtual void look(ServerAdmin& admin) = 0;

  /// @throws Error{kInvalidConfig} naming every option that this server does not have in our sense
  virtual void check(const SamplingConfig& sampling) const = 0;

  /// Tokens of prompt and story together; absent: the server does not say.
  virtual std::optional<std::int64_t> context_tokens() const { return std::nullopt; }

  /// The POST for a story, without key and time limits.
  virtual HttpRequest request(const StoryCall& call) const = 0;

  /// Puts the key in: "Authorization: Bearer <key>", unless the vendor wants it elsewhere.
  virtual void add_key(HttpRequest& request, std::string_view key) const;

  /// Adds what an event, or the body, brings.
  /// @throws Error{kInvalidData} for what the interface does not say: the story is asked for again;
  ///         Error{kUnavailable} for an error that the server reports, likewise;
  ///         Error{kInvalidConfig} where asking again cannot help
  virtual void read(const Json& event, const StoryCall& call, ReceivedStory& story) const = 0;

  /// The label of the weights that the server has now; absent: it does not say.
  virtual std::optional<std::string> policy(ServerAdmin&) { return std::nullopt; }

  /// Gives the server the weights of a folder under a label, and waits until it has them.
  /// @throws Error{kInvalidConfig} where it cannot
  virtual void load_policy(ServerAdmin& admin, const std::string& label,
                           const std::filesystem::path& folder);

  /// Money: asked before a call goes out, told when it has ended.
  virtual Admission admit(const StoryCall&) { return Admission::kGo; }
  virtual void settle(const StoryCall&, const ReceivedStory&) {}
};

/// Collects what a server lacks, for one error that names it all.
class MissingOptions {
 public:
  explicit MissingOptions(std::string_view server) : server_(server) {}

  /// @param need  what to set instead: "rollout.dry_multiplier = 0"
  void add_if(bool is_missing, std::string_view need) {
    if (is_missing) needs_.emplace_back(need);
  }

  /// @throws Error{kInvalidConfig} if there was anything
  void refuse() const;

 private:
  std::string server_;
  std::vector<std::string> needs_;
};

}  // namespace polaris
