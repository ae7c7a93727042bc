#include "rollout/remote/story_attempt.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/strings.h"

namespace polaris {

bool StoryAttempt::on_data(std::string_view bytes) {
  try {
    events_.feed(bytes, [&](std::string_view data) {
      if (data != "[DONE]") read(data);
    });
    return true;
  } catch (const Error& e) {
    error_ = e;
  } catch (const std::exception& e) {
    error_ = Error(ErrorCode::kInternal, e.what());
  }
  return false;
}

void StoryAttempt::read(std::string_view json) {
  const bool was_whole = story_.stop.has_value();
  const auto extent = [&] {
    return story_.tokens.size() + story_.text.size() + story_.thought_bytes;
  };
  const std::size_t before = extent();
  server_.read(parse_json(json, "the server's answer"), call_, story_);
  if (extent() == before) return;
  if (was_whole)
    throw Error(ErrorCode::kInvalidData, "the server sent more of a story that it had ended");
  if (server_.gives_token_ids()) tokens_ = story_.tokens.size();
  has_begun_ = true;
  news_s_ = SystemClock().steady_s();
}

std::optional<std::string> StoryAttempt::is_late(double now_s,
                                                 const RemoteRolloutConfig& config) const {
  if (!server_.streams()) return std::nullopt;
  if (!has_begun_ && now_s - started_s_ > config.first_token_s)
    return fmt::format("no token within rollout.remote.first_token_s = {:g}", config.first_token_s);
  if (has_begun_ && now_s - news_s_ > config.between_tokens_s)
    return fmt::format("no further token within rollout.remote.between_tokens_s = {:g}, after {}",
                       config.between_tokens_s, tokens());
  return std::nullopt;
}

std::optional<CallFailure> StoryAttempt::conclude(const HttpResult& result, double now_wall_s) {
  if (!error_) {
    if (const auto* failure = std::get_if<HttpFailure>(&result)) return call_failure(*failure);
    const auto& response = std::get<HttpResponse>(result);
    if (response.status / 100 != 2) {
      const CallFailure failure = call_failure(response, now_wall_s);
      if (!failure.may_repeat) throw Error(ErrorCode::kInvalidConfig, failure.message);
      return failure;
    }
    try {
      if (!server_.streams()) read(response.body);
    } catch (const Error& e) {
      error_ = e;
    }
  }
  if (error_) {
    const bool may_repeat =
        error_->code() == ErrorCode::kInvalidData || error_->code() == ErrorCode::kUnavailable;
    if (!may_repeat) throw *error_;
    return CallFailure{.message = error_->what(), .may_repeat = true};
  }
  if (!story_.stop)
    return CallFailure{
        .message = fmt::format("the answer ended inside the story, after {} tokens", tokens()),
        .may_repeat = true};
  return std::nullopt;
}

namespace {

void check_tokens(const StoryCall& call, const ReceivedStory& story, std::int64_t vocab_size) {
  const auto refuse = [](ErrorCode code, const std::string& message) {
    throw Error(code, message);
  };
  const std::int64_t size = std::ssize(story.tokens);
  if (size == 0 || size > call.sampling.max_new_tokens)
    refuse(ErrorCode::kInvalidData, fmt::format("the server sent {} tokens, and 1 to {} were asked "
                                                "for",
                                                size, call.sampling.max_new_tokens));
  for (const TokenId token : story.tokens) {
    if (token >= vocab_size)
      refuse(ErrorCode::kInvalidConfig,
             fmt::format("the server sent token {}, and the model has {}; it serves another one",
                         token, vocab_size));
  }
  if (!story.logprobs.empty() && story.logprobs.size() != story.tokens.size())
    refuse(ErrorCode::kInvalidData,
           fmt::format("the server sent {} log-probs for {} tokens", story.logprobs.size(), size));
  if (!std::ranges::all_of(story.logprobs, [](float x) { return std::isfinite(x); }))
    refuse(ErrorCode::kInvalidData, "the server sent a log-prob that is no number");
}

}  // namespace

Rollout rollout_of(const StoryCall& call, ReceivedStory story, bool has_tokens,
                   std::int64_t vocab_size) {
  POLARIS_CHECK(story.stop.has_value(), "the story has no end");
  Rollout rollout{.text = std::move(story.text), .stop = *story.stop};
  if (!has_tokens) return rollout;
  check_tokens(call, story, vocab_size);
  const auto first_stop = std::ranges::find_first_of(story.tokens, call.stop_tokens);
  const bool stops = first_stop != story.tokens.end();
  if (stops && first_stop + 1 != story.tokens.end())
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the server wrote on behind the stop token {}; it serves another model",
                            *first_stop));
  if (!stops && story.stop == StopReason::kEndOfText)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the server stopped at token {}, which is no stop token of the model",
                            story.tokens.back()));
  if (!stops && std::ssize(story.tokens) < call.sampling.max_new_tokens)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the server cut a story after {} of {} tokens; give it a longer "
                            "context",
                            story.tokens.size(), call.sampling.max_new_tokens));
  rollout.stop = stops ? StopReason::kEndOfText : StopReason::kMaxTokens;
  rollout.tokens = std::move(story.tokens);
  rollout.logprobs = std::move(story.logprobs);
  return rollout;
}

}  // namespace polaris
