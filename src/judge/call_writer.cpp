#include "judge/call_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/retry.h"
#include "judge/json_string.h"
#include "judge/messages.h"
#include "judge/server_context.h"

namespace polaris {
namespace {

/// Stands in a call's text where the message with prompt and story goes.
const std::string kHere = "<<<the message>>>";

/// What stands before and behind the mark.
std::pair<std::string, std::string> around_mark(const std::string& text) {
  const std::string mark = dump_json(kHere);
  const auto place = text.find(mark);
  POLARIS_CHECK(place != std::string::npos);
  return {text.substr(0, place), text.substr(place + mark.size())};
}

std::int64_t body_bytes(const VendorCall& call) {
  return static_cast<std::int64_t>(
      call.body.dump(-1, ' ', false, OrderedJson::error_handler_t::replace).size());
}

}  // namespace

CallWriter::CallWriter(const JudgeConfig& config, const JudgeSetup& setup, PriceTable prices,
                       std::string key)
    : config_(config),
      setup_(setup),
      writer_(setup.rubric, config, setup.totals, setup.length_sentence),
      prices_(std::move(prices)),
      key_(std::move(key)) {
  for (const AnswerForm& form : {AnswerForm{.native = true, .in_prompt = true},
                                 AnswerForm{.grammar = true, .in_prompt = true}})
    constant_bytes_ = std::max(
        constant_bytes_, body_bytes(dialect().call(
                             config_, writer_.question("", "", form, config_.max_output_tokens))));
  const AnswerForm form = answer_form(config_.schema, config_.dialect, config_.model);
  const auto [before, behind] =
      around_mark(request_text(config_, marked_call(config_, form, config_.max_output_tokens), 0));
  POLARIS_CHECK(behind.ends_with("0}"));
  before_message_.add(before);
  before_repeat_ = behind.substr(0, behind.size() - 2);
}

VendorCall CallWriter::marked_call(const JudgeConfig& config, const AnswerForm& form,
                                   std::int64_t output_limit) const {
  ModelQuestion question = writer_.question("", "", form, output_limit);
  question.messages.user = kHere;
  return dialect().call(config, question);
}

std::string CallWriter::message(const JudgeRequest& request) const {
  return json_string(judge_user_message(request.prompt, request.story, config_.user_message,
                                        setup_.length_sentence));
}

std::string CallWriter::hash(const JudgeRequest& request) const {
  return Sha256(before_message_)
      .add(message(request))
      .add(fmt::format("{}{}}}", before_repeat_, request.repeat))
      .hex();
}

CallWriter::Frame CallWriter::frame(const AnswerForm& form, std::int64_t output_limit,
                                    JudgeTier tier) const {
  constexpr std::size_t kLargestAnswer = 8U << 20;  // thousands of pages
  JudgeConfig config = config_;
  config.tier = tier;
  Frame frame{.call = http_request(config, marked_call(config, form, output_limit))};
  std::tie(frame.before_message, frame.behind_message) =
      around_mark(std::exchange(frame.call.body, ""));
  frame.call.max_response_bytes = kLargestAnswer;
  add_key(frame.call, dialect(), key_);
  return frame;
}

HttpRequest CallWriter::http(const JudgeRequest& request, const AnswerForm& form,
                             std::int64_t output_limit, JudgeTier tier) const {
  const std::lock_guard lock(frames_mutex_);
  const auto key = std::tuple(form.native, form.grammar, form.in_prompt, output_limit, tier);
  auto found = frames_.find(key);
  if (found == frames_.end()) found = frames_.emplace(key, frame(form, output_limit, tier)).first;
  const Frame& frame = found->second;
  HttpRequest http = frame.call;
  const std::string text = message(request);
  http.body.reserve(frame.before_message.size() + text.size() + frame.behind_message.size());
  http.body.append(frame.before_message).append(text).append(frame.behind_message);
  return http;
}

std::vector<HttpRequest> CallWriter::context_requests() const {
  std::vector<HttpRequest> requests;
  for (std::string& url : context_urls(config_)) {
    requests.push_back(
        {.url = std::move(url), .deadline_s = 30.0, .max_response_bytes = std::size_t{1} << 20});
    add_key(requests.back(), dialect(), key_);
  }
  return requests;
}

std::optional<double> CallWriter::most_usd(const JudgeRequest& request, std::int64_t output_limit,
                                           JudgeTier tier) const {
  const auto bytes = static_cast<std::int64_t>(request.prompt.size() + request.story.size());
  return prices_.cost_usd({.input_tokens = constant_bytes_ + bytes, .output_tokens = output_limit},
                          config_.model, tier);
}

std::optional<std::string> CallWriter::too_long(const JudgeRequest& request,
                                                std::int64_t output_limit) const {
  constexpr std::int64_t kBytesPerToken = 4;
  if (config_.context_tokens == 0) return std::nullopt;
  const auto bytes = static_cast<std::int64_t>(request.prompt.size() + request.story.size());
  const std::int64_t tokens = (constant_bytes_ + bytes) / kBytesPerToken;
  if (tokens + output_limit <= config_.context_tokens) return std::nullopt;
  return fmt::format(
      "rubric, prompt and story have about {} tokens, and with {} for the answer that is more than "
      "judge.context_tokens = {}: a larger context or a smaller judge.max_output_tokens is needed",
      tokens, output_limit, config_.context_tokens);
}

std::optional<double> CallWriter::cost_usd(const ModelAnswer& answer, JudgeTier tier) const {
  if (answer.usage.input_tokens == 0 && answer.usage.output_tokens == 0) return std::nullopt;
  return prices_.cost_usd(answer.usage, config_.model, charged_tier(answer.service_tier, tier));
}

std::optional<std::string> CallWriter::price_date() const {
  const ModelPrice* price = prices_.find(config_.model);
  return price == nullptr ? std::nullopt : price->as_of;
}

HttpResult CallWriter::without_key(HttpResult result) const {
  constexpr std::size_t kShortestSecret = 8;  // "none" is a word and no secret
  if (key_.size() < kShortestSecret) return result;
  if (auto* failure = std::get_if<HttpFailure>(&result)) {
    failure->message = without_secret(std::move(failure->message), key_);
  } else {
    auto& response = std::get<HttpResponse>(result);
    response.body = without_secret(std::move(response.body), key_);
  }
  return result;
}

}  // namespace polaris
