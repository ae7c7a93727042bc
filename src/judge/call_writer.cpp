#include "judge/call_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/retry.h"
#include "judge/messages.h"
#include "text/unicode.h"

namespace polaris {
namespace {

/// Stands in a call's text where the message with prompt and story goes.
const std::string kHere = "<<<the message>>>";

/// `text` as dump_json() writes it, some times faster.
std::string json_string(std::string_view text) {
  if (!is_valid_utf8(text)) return dump_json(text);
  const auto is_plain = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  };
  std::string out = "\"";
  out.reserve(text.size() + text.size() / 16);
  while (!text.empty()) {
    const auto plain = std::ranges::find_if_not(text, is_plain) - text.begin();
    out += text.substr(0, static_cast<std::size_t>(plain));
    text.remove_prefix(static_cast<std::size_t>(plain));
    if (text.empty()) break;
    if (text[0] == '\n') {
      out += "\\n";
    } else if (text[0] == '"' || text[0] == '\\') {
      out += {'\\', text[0]};
    } else {
      const std::string escaped = dump_json(text.substr(0, 1));
      out.append(escaped, 1, escaped.size() - 2);
    }
    text.remove_prefix(1);
  }
  return out += '"';
}

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
      around_mark(request_text(config_, marked_call(form, config_.max_output_tokens), 0));
  POLARIS_CHECK(behind.ends_with("0}"));
  before_message_.add(before);
  before_repeat_ = behind.substr(0, behind.size() - 2);
}

VendorCall CallWriter::marked_call(const AnswerForm& form, std::int64_t output_limit) const {
  ModelQuestion question = writer_.question("", "", form, output_limit);
  question.messages.user = kHere;
  return dialect().call(config_, question);
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

CallWriter::Frame CallWriter::frame(const AnswerForm& form, std::int64_t output_limit) const {
  constexpr std::size_t kLargestAnswer = 8U << 20;  // thousands of pages
  Frame frame{.call = http_request(config_, marked_call(form, output_limit))};
  std::tie(frame.before_message, frame.behind_message) = around_mark(frame.call.body);
  frame.call.max_response_bytes = kLargestAnswer;
  add_key(frame.call, dialect(), key_);
  return frame;
}

HttpRequest CallWriter::http(const JudgeRequest& request, const AnswerForm& form,
                             std::int64_t output_limit) const {
  const std::lock_guard lock(frames_mutex_);
  const auto key = std::tuple(form.native, form.grammar, form.in_prompt, output_limit);
  auto found = frames_.find(key);
  if (found == frames_.end()) found = frames_.emplace(key, frame(form, output_limit)).first;
  const Frame& frame = found->second;
  HttpRequest http = frame.call;
  http.body = frame.before_message + message(request) + frame.behind_message;
  return http;
}

std::optional<double> CallWriter::most_usd(const JudgeRequest& request,
                                           std::int64_t output_limit) const {
  const auto bytes = static_cast<std::int64_t>(request.prompt.size() + request.story.size());
  return prices_.cost_usd({.input_tokens = constant_bytes_ + bytes, .output_tokens = output_limit},
                          config_.model, config_.tier);
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
