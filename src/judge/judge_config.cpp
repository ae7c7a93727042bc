#include "judge/judge_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"

namespace polaris {

std::vector<std::string> enum_names(JudgeKind) { return {"lexical", "http", "replay", "none"}; }
std::vector<std::string> enum_names(JudgeDialect) {
  return {"openai", "gemini", "vertex", "anthropic"};
}
std::vector<std::string> enum_names(JudgeTier) { return {"default", "flex", "priority"}; }
std::vector<std::string> enum_names(JudgeApi) { return {"chat", "responses"}; }
std::vector<std::string> enum_names(UserMessage) { return {"marked", "published"}; }
std::vector<std::string> enum_names(JudgeRetry) { return {"all", "timeouts"}; }
std::vector<std::string> enum_names(EmptyAnswer) { return {"failure", "zero"}; }
std::vector<std::string> enum_names(SchemaMode) { return {"auto", "native", "grammar", "prompt"}; }

void JudgeConfig::fields(FieldList& list) {
  const bool http = kind == JudgeKind::kHttp;
  const bool vertex = http && dialect == JudgeDialect::kVertex;
  const bool openai = http && dialect == JudgeDialect::kOpenai;
  const auto only_http = [&](std::optional<Range> range = std::nullopt) {
    return unused_if(!http, "the judge's kind is not http", range);
  };
  const auto only_http_changeable = [&](std::optional<Range> range = std::nullopt) {
    KeyRules rules = only_http(range);
    rules.changeable = true;
    return rules;
  };
  const auto only_vertex = unused_if(!vertex, "the judge's dialect is not vertex");

  list("kind", kind, "who judges: text statistics, an LLM over HTTP, recorded answers, nobody");
  list("dialect", dialect, "whose HTTP interface", only_http());
  list("base_url", base_url, "of the service; includes /v1 where the vendor's SDKs do",
       only_http());
  list("model", model, "name of the judging model", only_http());
  list("api_key_env", api_key_env, "environment variable that holds the key", only_http());
  list("tier", tier, "service tier: price against latency", only_http());
  list("flex_refusals", flex_refusals,
       "refusals (429, 503) of a story by the flex tier after which the default tier is asked, at "
       "its price; 0 = never",
       only_http_changeable(at_least(0, "it counts refusals")));
  list("api", api, "chat completions or responses",
       unused_if(!openai, "the judge's dialect is not openai"));
  list("project", project, "Google Cloud project", only_vertex);
  list("location", location, "Google Cloud location", only_vertex);
  list("prices", prices, "price file that goes over the shipped one", only_http());
  list("replay", replay, "file of recorded answers",
       unused_if(kind != JudgeKind::kReplay, "the judge's kind is not replay"));
  list("user_message", user_message, "form of the message with prompt and story", only_http());
  list("retry", retry, "which failures are tried again", only_http());
  list("empty_answer", empty_answer, "what an empty answer counts as", only_http());
  list("temperature", temperature, "of the judging model",
       only_http(between(0, 2, "vendors refuse more")));
  list("top_p", top_p, "of the judging model", only_http(Range{0, 1, false, "it is a mass"}));
  list("thinking", thinking, "effort the judging model is asked for; empty = its own default",
       only_http());
  list("max_output_tokens", max_output_tokens, "of one answer, thinking included",
       only_http(at_least(256, "a filled-in rubric needs hundreds of tokens")));
  list("context_tokens", context_tokens,
       "context of the judging model; a story that does not fit is not sent; 0 = not known",
       only_http_changeable(at_least(0, "it counts tokens")));
  list("schema", schema, "how the answer is held to the rubric's form", only_http());
  list("concurrency", concurrency, "calls in flight",
       only_http_changeable(between(1, 4096, "it sizes the connection pool")));
  list("max_attempts", max_attempts, "attempts per verdict, whatever failed",
       only_http_changeable(between(1, 100, "the first call is an attempt")));
  list("retry_base_delay_s", retry_base_delay_s, "first pause before a retry; it doubles",
       only_http_changeable(at_least(0, "a pause is not negative")));
  list("deadline_s", deadline_s, "seconds for one call; 0 = by tier (600, flex 1200)",
       only_http_changeable(at_least(0, "a deadline is not negative")));
  list("repeats", repeats, "independent answers per story; the mean counts",
       only_http(between(1, 100, "a verdict needs an answer")));
  list("panel", panel, "further judges, each as the keys in which it differs; the mean counts",
       only_http());
  list("cache", cache, "file of stored answers; empty = judge.db in the user's cache folder",
       only_http_changeable());
  list("budget_usd", budget_usd, "stops before the call that could exceed it; 0 = no limit",
       only_http_changeable(at_least(0, "a budget is not negative")));
  list("record", record, "replay file to write", changeable());
}

void JudgeConfig::validate() const {
  const auto need = [](bool given, const char* message) {
    if (!given) throw Error(ErrorCode::kInvalidConfig, message);
  };
  if (kind == JudgeKind::kHttp) {
    need(!model.empty(), "a judge of kind http needs its model");
    need(!base_url.empty() || dialect != JudgeDialect::kOpenai,
         "a judge of kind http and dialect openai needs its base_url, for example "
         "http://localhost:8080/v1");
    need(dialect != JudgeDialect::kVertex || !project.empty(),
         "a judge of dialect vertex needs its project");
    need(dialect != JudgeDialect::kVertex || tier == JudgeTier::kDefault || location == "global",
         "vertex has its flex and priority tiers in location global only");
    need(dialect != JudgeDialect::kAnthropic || tier != JudgeTier::kFlex,
         "a judge of dialect anthropic has no flex tier; use default or priority");
    need(schema != SchemaMode::kGrammar ||
             (dialect == JudgeDialect::kOpenai && api == JudgeApi::kChat),
         "only servers of dialect openai (api chat) take a grammar; set judge.schema to auto");
    const std::vector<std::string> efforts = {"",       "none", "minimal", "low",
                                              "medium", "high", "xhigh",   "max"};
    need(std::ranges::find(efforts, thinking) != efforts.end(),
         "judge.thinking must be none, minimal, low, medium, high, xhigh, max or empty");
  }
  need(kind != JudgeKind::kReplay || !replay.empty(),
       "a judge of kind replay needs replay, the file of recorded answers");
  if (kind == JudgeKind::kHttp) judges_of(*this);
}

namespace {

JudgeConfig with_keys(JudgeConfig judge, const std::string& entry) {
  constexpr std::string_view kShared[] = {"kind",  "panel",      "repeats",
                                          "cache", "budget_usd", "record"};
  ConfigSource source;
  std::istringstream words(entry);
  for (std::string word; words >> word;) source.set(word);
  if (source.values().empty())
    throw Error(ErrorCode::kInvalidConfig, "name the keys in which this judge differs");
  for (const std::string_view key : kShared) {
    if (source.values().contains(std::string(key)))
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{} is the same for the whole panel", key));
  }
  assign_fields(source, list_fields(judge));
  judge.validate();
  return judge;
}

}  // namespace

std::vector<JudgeConfig> judges_of(const JudgeConfig& config) {
  std::vector<JudgeConfig> judges = {config};
  judges.front().panel.clear();
  for (const std::string& entry : config.panel) {
    try {
      judges.push_back(with_keys(judges.front(), entry));
    } catch (const Error& e) {
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("judge.panel, \"{}\": {}", entry, e.what()));
    }
  }
  return judges;
}

}  // namespace polaris
