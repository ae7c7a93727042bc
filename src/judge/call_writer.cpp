#include "judge/call_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "judge/messages.h"
#include "text/chat_choice.h"

namespace polaris {
namespace {

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
  const std::string mark = "<<<the message>>>";
  ModelQuestion question =
      writer_.question("", "", answer_form(config_.schema, config_.dialect, config_.model),
                       config_.max_output_tokens);
  question.messages.user = mark;
  const std::string text = request_text(config_, dialect().call(config_, question), 0);
  const auto place = text.find(dump_json(mark));
  POLARIS_CHECK(place != std::string::npos && text.ends_with(":0}"));
  before_message_ = text.substr(0, place);
  before_repeat_ = text.substr(place + mark.size() + 2);
  before_repeat_.resize(before_repeat_.size() - 2);
}

std::string CallWriter::hash(const JudgeRequest& request) const {
  const std::string message = judge_user_message(request.prompt, request.story,
                                                 config_.user_message, setup_.length_sentence);
  return sha256_hex(fmt::format("{}{}{}{}}}", before_message_, dump_json(message), before_repeat_,
                                request.repeat));
}

HttpRequest CallWriter::http(const JudgeRequest& request, const AnswerForm& form,
                             std::int64_t output_limit) const {
  const ModelQuestion question =
      writer_.question(request.prompt, request.story, form, output_limit);
  constexpr std::size_t kLargestAnswer = 8U << 20;  // thousands of pages
  HttpRequest http = http_request(config_, dialect().call(config_, question));
  http.max_response_bytes = kLargestAnswer;
  add_key(http, dialect(), key_);
  return http;
}

std::optional<double> CallWriter::most_usd(const JudgeRequest& request,
                                           std::int64_t output_limit) const {
  const auto bytes = static_cast<std::int64_t>(request.prompt.size() + request.story.size());
  return prices_.cost_usd({.input_tokens = constant_bytes_ + bytes, .output_tokens = output_limit},
                          config_.model, config_.tier);
}

std::optional<double> CallWriter::cost_usd(const ModelAnswer& answer) const {
  if (answer.usage.input_tokens == 0 && answer.usage.output_tokens == 0) return std::nullopt;
  return prices_.cost_usd(answer.usage, config_.model,
                          charged_tier(answer.service_tier, config_.tier));
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
