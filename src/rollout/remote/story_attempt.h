#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/event_stream.h"
#include "base/http.h"
#include "rollout/remote/call_failure.h"
#include "rollout/remote/story_server.h"

namespace polaris {

/// One call for one story. What arrives is read on the client's loop thread; once the call has
/// ended, the thread that it was reported to has the attempt for itself.
class StoryAttempt {
 public:
  /// `server` is borrowed.
  StoryAttempt(const StoryServer& server, StoryCall call, double now_s)
      : server_(server), call_(std::move(call)), started_s_(now_s), news_s_(now_s) {}

  /// A piece of a streamed answer. False: it is wrong, and there is no need of more.
  bool on_data(std::string_view bytes);

  /// Loop thread or not: tokens so far, and why the attempt is too slow at `now_s`, if it is.
  std::size_t tokens() const { return tokens_; }
  std::optional<std::string> is_late(double now_s, const RemoteRolloutConfig& config) const;

  /// What the call came to, after its end: nothing, and story() is whole, or why it is not.
  /// @throws Error where another attempt cannot help
  std::optional<CallFailure> conclude(const HttpResult& result, double now_wall_s);

  const StoryCall& call() const { return call_; }
  ReceivedStory& story() { return story_; }

 private:
  void read(std::string_view json);

  const StoryServer& server_;
  const StoryCall call_;
  const double started_s_;
  EventStream events_;
  ReceivedStory story_;
  std::optional<Error> error_;  // in what arrived
  std::atomic<std::size_t> tokens_ = 0;
  std::atomic<double> news_s_;  // when the story last grew
  std::atomic<bool> has_begun_ = false;
};

/// The rollout that a whole story is; the text of tokens is left to the caller.
/// @param vocab_size  ids from here on are not the model's
/// @throws Error{kInvalidData} for a story that contradicts itself, Error{kInvalidConfig} for one
///         that a server of this model and of enough context would not have written
Rollout rollout_of(const StoryCall& call, ReceivedStory story, bool has_tokens,
                   std::int64_t vocab_size);

}  // namespace polaris
