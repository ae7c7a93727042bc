#include "app/vendor_writer.h"

#include <utility>

#include "base/assets.h"
#include "base/error.h"
#include "judge/dialects/openai_models.h"
#include "rollout/remote/wire.h"

namespace polaris {
namespace {

JudgeDialect dialect_for(RemoteServer server) {
  switch (server) {
    case RemoteServer::kGemini:
      return JudgeDialect::kGemini;
    case RemoteServer::kVertex:
      return JudgeDialect::kVertex;
    case RemoteServer::kAnthropic:
      return JudgeDialect::kAnthropic;
    default:
      return JudgeDialect::kOpenai;
  }
}

JudgeConfig spoken_with(const RemoteRolloutConfig& config) {
  return {.kind = JudgeKind::kHttp,
          .dialect = dialect_for(config.server),
          .base_url = config.base_url,
          .model = config.model,
          .project = config.project,
          .location = config.location,
          .thinking = config.thinking};
}

/// Dialects send a system message always, and vendors refuse an empty one.
void drop_empty_system(OrderedJson& body) {
  body.erase("system");
  body.erase("systemInstruction");
  if (body.contains("messages") && body["messages"][0]["role"] == "system")
    body["messages"].erase(0);
}

}  // namespace

VendorWriter::VendorWriter(const RemoteRolloutConfig& config, std::string system_message,
                           PriceTable prices, double spent_usd)
    : config_(spoken_with(config)),
      dialect_(dialect_of(config_)),
      system_message_(std::move(system_message)),
      prices_(std::move(prices)),
      budget_(config.budget_usd, spent_usd) {
  if (config.budget_usd > 0 && !prices_.cost_usd({.output_tokens = 1}, config.model, {}))
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("rollout.remote.budget_usd needs the price of {}, which is not known: "
                            "set rollout.remote.prices",
                            config.model));
}

void VendorWriter::check(const SamplingConfig& sampling) const {
  MissingOptions missing(dialect_.name);
  missing.add_if(sampling.top_k != 0, "rollout.top_k = 0");
  missing.add_if(sampling.min_p != 0.0, "rollout.min_p = 0");
  missing.add_if(sampling.repetition_penalty != 1.0, "rollout.repetition_penalty = 1");
  missing.add_if(sampling.presence_penalty != 0.0, "rollout.presence_penalty = 0");
  missing.add_if(sampling.frequency_penalty != 0.0, "rollout.frequency_penalty = 0");
  missing.add_if(sampling.dry_multiplier != 0.0, "rollout.dry_multiplier = 0");
  missing.refuse();
}

HttpRequest VendorWriter::request(const StoryCall& call) const {
  JudgeConfig config = config_;
  config.temperature = call.sampling.temperature;
  config.top_p = call.sampling.top_p;
  VendorCall vendor =
      dialect_.call(config, {.messages = {.system = system_message_, .user = call.prompt->text},
                             .max_output_tokens = call.sampling.max_new_tokens});
  if (system_message_.empty()) drop_empty_system(vendor.body);
  if (streams()) {
    vendor.body["stream"] = true;
    vendor.body["stream_options"] = {{"include_usage", true}};
    if (!is_openai_reasoning_model(config.model)) vendor.body["seed"] = call.seed;
  }
  return {.method = "POST",
          .url = vendor.url,
          .headers = vendor.headers,
          .body = vendor.body.dump(-1, ' ', /*ensure_ascii=*/false,
                                   OrderedJson::error_handler_t::replace)};
}

void VendorWriter::add_key(HttpRequest& request, std::string_view key) const {
  polaris::add_key(request, dialect_, key);
}

void VendorWriter::bill(const ModelAnswer& answer, ReceivedStory& story) const {
  if (answer.usage.input_tokens == 0 && answer.usage.output_tokens == 0) return;
  story.cost_usd = prices_.cost_usd(answer.usage, config_.model,
                                    charged_tier(answer.service_tier, config_.tier));
}

/// An event of chat completions: a piece of the text, the reason of its end, or what it costs.
void VendorWriter::read_delta(const Json& event, ReceivedStory& story) const {
  if (!wire::field(event, "usage").is_null()) bill(dialect_.read(event), story);
  const Json& choice = wire::only_element(event, "choices");
  const Json& delta = wire::field(choice, "delta");
  story.text += wire::text(delta, "content");
  story.text += wire::text(delta, "refusal");
  for (const char* key : {"reasoning_content", "reasoning"})
    story.thought_bytes += wire::text(delta, key).size();
  const std::string reason = wire::text(choice, "finish_reason");
  if (!reason.empty())
    story.stop = reason == "length" ? StopReason::kMaxTokens : StopReason::kEndOfText;
}

void VendorWriter::read(const Json& event, const StoryCall&, ReceivedStory& story) const {
  wire::check_no_error(event);
  if (streams()) return read_delta(event, story);
  ModelAnswer answer = dialect_.read(event);
  bill(answer, story);
  if (answer.text.empty() && answer.finish == ModelFinish::kStop)
    throw Error(ErrorCode::kInvalidData, "the answer has no text");
  const bool declines =
      answer.finish == ModelFinish::kRefused || answer.finish == ModelFinish::kBlocked;
  story.text = declines && answer.text.empty() ? answer.refusal : std::move(answer.text);
  story.stop =
      answer.finish == ModelFinish::kLength ? StopReason::kMaxTokens : StopReason::kEndOfText;
}

/// Every byte a token, the whole output limit.
double VendorWriter::most_usd(const StoryCall& call) const {
  const auto bytes = static_cast<std::int64_t>(system_message_.size() + call.prompt->text.size());
  return prices_
      .cost_usd({.input_tokens = bytes + 64, .output_tokens = call.sampling.max_new_tokens},
                config_.model, config_.tier)
      .value_or(0.0);
}

Admission VendorWriter::admit(const StoryCall& call) {
  switch (budget_.reserve(most_usd(call))) {
    case Budget::Answer::kReserved:
      return Admission::kGo;
    case Budget::Answer::kLater:
      return Admission::kLater;
    case Budget::Answer::kNever:
      break;
  }
  return Admission::kNever;
}

void VendorWriter::settle(const StoryCall& call, const ReceivedStory& story) {
  budget_.settle(most_usd(call), story.cost_usd.value_or(0.0));
}

PriceTable writer_prices(const RemoteRolloutConfig& config) {
  PriceTable prices = PriceTable::load(find_asset("prices.json"));
  if (!config.prices.empty()) prices.merge(PriceTable::load(config.prices));
  return prices;
}

}  // namespace polaris
