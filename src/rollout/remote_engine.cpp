#include "rollout/remote_engine.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/retry.h"
#include "base/strings.h"
#include "rollout/remote/call_failure.h"
#include "rollout/remote/llama_server.h"
#include "rollout/remote/sglang_server.h"
#include "rollout/remote/story_attempt.h"
#include "rollout/remote/vllm_server.h"
#include "rollout/rollout_text.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

constexpr auto kTick = std::chrono::milliseconds(50);

/// Calls that have ended, on their way from the loop thread to the caller's.
class Inbox {
 public:
  struct Ended {
    std::size_t call;
    HttpResult result;
  };

  void put(Ended ended) {
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(ended));
    changed_.notify_one();
  }

  /// What has ended; waits a tick for it.
  std::vector<Ended> take() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kTick, [&] { return !ended_.empty(); });
    return std::exchange(ended_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Ended> ended_;
};

/// A story that is to be written.
struct Story {
  std::size_t prompt = 0;
  std::size_t sample = 0;
  std::string name;  ///< for messages and pauses
  StoryCall call;
  int failed = 0;              ///< attempts
  double not_before_s = 0.0;   ///< of the steady clock
  std::size_t counted = 0;     ///< tokens that on_tokens has heard of
  std::optional<double> cost;  ///< of all attempts
};

/// One that is being written.
struct Flight {
  Story story;
  std::shared_ptr<StoryAttempt> attempt;
  RequestId request = 0;
  std::optional<std::string> late;  ///< why we ended it
};

}  // namespace

/// One call of generate().
class RemoteRolloutEngine::Run {
 public:
  Run(RemoteRolloutEngine& engine, const RolloutRequest& request, const OnRollout& on_rollout)
      : engine_(engine), request_(request), on_rollout_(on_rollout) {
    for (const Prompt& prompt : request.prompts)
      groups_.push_back({.prompt = prompt,
                         .rollouts = std::vector<Rollout>(request.rollouts_per_prompt),
                         .policy_version = engine.version_});
    for (std::size_t i = request.skip; i < request.end(); ++i)
      waiting_.push_back(story(i / request.rollouts_per_prompt, i % request.rollouts_per_prompt));
  }

  /// What is still in flight when an error ends the run is of no use to anybody.
  ~Run() {
    for (const auto& [number, flight] : flying_) engine_.client_->cancel(flight.request);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::vector<RolloutGroup> run() {
    while (!waiting_.empty() || !flying_.empty()) {
      if (engine_.options_.interrupted())
        throw Error(ErrorCode::kInterrupted, "stopped while stories were being written");
      start_some();
      for (Inbox::Ended& ended : inbox_->take()) end(ended);
      watch();
    }
    return std::move(groups_);
  }

 private:
  Story story(std::size_t prompt, std::size_t sample) const {
    const Prompt& asked = request_.prompts[prompt];
    const StreamId stream{.seed = engine_.options_.seed,
                          .prompt_hash = id_hash(asked.id),
                          .step = static_cast<std::uint32_t>(request_.step),
                          .sample = static_cast<std::uint32_t>(sample)};
    return {.prompt = prompt,
            .sample = sample,
            .name = fmt::format("prompt {}, sample {}", shorten(asked.id, 80), sample),
            .call = {.prompt = &asked,
                     .sampling = request_.sampling,
                     .stop_tokens = engine_.options_.stop_tokens,
                     .seed = stream.draw(0)[0],
                     .policy = engine_.asked_policy_}};
  }

  void start_some() {
    const auto room = static_cast<std::size_t>(engine_.options_.config.concurrency);
    for (auto next = waiting_.begin(); next != waiting_.end() && flying_.size() < room;) {
      if (next->not_before_s > clock_.steady_s()) {
        ++next;
        continue;
      }
      switch (engine_.server_->admit(next->call)) {
        case Admission::kGo:
          start(std::move(*next));
          next = waiting_.erase(next);
          break;
        case Admission::kLater:
          return;
        case Admission::kNever:
          if (flying_.empty())
            throw Error(ErrorCode::kBudget,
                        fmt::format("{} could exceed rollout.remote.budget_usd = {:g}; raise it "
                                    "and start the same command again",
                                    next->name, engine_.options_.config.budget_usd));
          return;  // what is being written is paid for
      }
    }
  }

  void start(Story story) {
    const std::size_t number = next_number_++;
    Flight& flight = flying_[number];
    flight.attempt =
        std::make_shared<StoryAttempt>(*engine_.server_, story.call, clock_.steady_s());
    flight.story = std::move(story);
    HttpRequest request = engine_.http_request(flight.story.call);
    if (engine_.server_->streams())
      request.on_data = [attempt = flight.attempt](std::string_view bytes) {
        return attempt->on_data(bytes);
      };
    flight.request =
        engine_.client_->submit(std::move(request), [inbox = inbox_, number](HttpResult result) {
          inbox->put({number, std::move(result)});
        });
  }

  void end(Inbox::Ended& ended) {
    auto node = flying_.extract(ended.call);
    Flight& flight = node.mapped();
    Story& story = flight.story;
    StoryAttempt& attempt = *flight.attempt;
    const std::string name = story.name;
    try {
      std::optional<CallFailure> failure;
      if (flight.late)
        failure = {.message = *flight.late, .may_repeat = true};
      else
        failure = attempt.conclude(ended.result, clock_.wall_s());
      engine_.server_->settle(story.call, attempt.story());
      if (attempt.story().cost_usd)
        story.cost = story.cost.value_or(0.0) + *attempt.story().cost_usd;
      if (!failure) failure = finish(story, attempt);
      if (failure) retry(std::move(story), std::move(*failure));
    } catch (const Error& e) {
      throw Error(e.code(), without_secret(e.within(name).what(), engine_.options_.key));
    }
  }

  /// Hands a whole story over. @return why it is none, if it contradicts itself
  std::optional<CallFailure> finish(Story& story, StoryAttempt& attempt) {
    check_policies(attempt.story().policies);
    Rollout& rollout = groups_[story.prompt].rollouts[story.sample];
    try {
      rollout = rollout_of(story.call, std::move(attempt.story()),
                           engine_.server_->gives_token_ids(), engine_.options_.vocab_size);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalidData) throw;
      return CallFailure{.message = e.what(), .may_repeat = true};
    }
    if (engine_.server_->gives_token_ids() && engine_.tokenizer_ != nullptr)
      rollout.text = rollout_text(*engine_.tokenizer_, rollout);
    count_tokens(story, rollout.tokens.size());
    engine_.options_.on_cost(story.cost);
    on_rollout_(story.prompt, story.sample, rollout);
    return std::nullopt;
  }

  void check_policies(const std::vector<std::string>& policies) {
    for (const std::string& policy : policies) {
      if (!engine_.served_policy_) engine_.served_policy_ = policy;
      if (policy != *engine_.served_policy_)
        throw Error(ErrorCode::kUnavailable,
                    fmt::format("the story was written with the weights \"{}\", and \"{}\" were "
                                "asked for; somebody else gives this server weights",
                                policy, *engine_.served_policy_));
    }
  }

  void retry(Story story, CallFailure failure) {
    const RemoteRolloutConfig& config = engine_.options_.config;
    ++story.failed;
    if (!failure.may_repeat || story.failed >= config.max_attempts)
      throw Error(ErrorCode::kUnavailable,
                  fmt::format("attempt {} failed: {}", story.failed, failure.message));
    story.not_before_s = clock_.steady_s() + retry_delay_s(story.failed, failure.wait_s,
                                                           config.retry_base_delay_s, story.name);
    waiting_.push_back(std::move(story));
  }

  /// Counts tokens, and ends what has been silent for too long.
  void watch() {
    for (auto& [number, flight] : flying_) {
      count_tokens(flight.story, flight.attempt->tokens());
      if (flight.late) continue;
      flight.late = flight.attempt->is_late(clock_.steady_s(), engine_.options_.config);
      if (flight.late) engine_.client_->cancel(flight.request);
    }
  }

  /// Only those count that no earlier attempt has brought.
  void count_tokens(Story& story, std::size_t tokens) {
    if (tokens <= story.counted) return;
    engine_.options_.on_tokens(static_cast<std::int64_t>(tokens - story.counted));
    story.counted = tokens;
  }

  RemoteRolloutEngine& engine_;
  const RolloutRequest& request_;
  const OnRollout& on_rollout_;
  const SystemClock clock_;
  std::deque<Story> waiting_;
  std::map<std::size_t, Flight> flying_;
  std::size_t next_number_ = 0;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::vector<RolloutGroup> groups_;
};

RemoteRolloutEngine::RemoteRolloutEngine(std::unique_ptr<StoryServer> server,
                                         const Tokenizer* tokenizer, Options options)
    : server_(std::move(server)), tokenizer_(tokenizer), options_(std::move(options)) {
  HttpClientOptions client = options_.client;
  client.max_connections_per_host =
      std::max(client.max_connections_per_host, static_cast<int>(options_.config.concurrency) + 1);
  client_ = std::make_unique<HttpClient>(std::move(client));
  admin_ =
      std::make_unique<ServerAdmin>(*client_, options_.config, options_.key, options_.interrupted);
}

RemoteRolloutEngine::~RemoteRolloutEngine() = default;

void RemoteRolloutEngine::look() {
  if (std::exchange(has_looked_, true)) return;
  server_->look(*admin_);
}

void RemoteRolloutEngine::use_policy(std::int64_t policy_version) {
  version_ = policy_version;
  if (!options_.weights) return;
  const PolicyExport& weights = *options_.weights;
  const std::string label = fmt::format("{}-{}", weights.run, policy_version);
  if (label == asked_policy_) return;
  look();
  std::error_code failure;
  const fs::path folder = weights.folder / label;
  fs::remove_all(folder, failure);
  fs::create_directories(folder, failure);
  if (failure)
    throw Error(ErrorCode::kIo,
                fmt::format("cannot make the folder {}: {}", folder.string(), failure.message()));
  weights.save(folder);
  asked_policy_.clear();  // until it is there
  try {
    server_->load_policy(*admin_, label, folder);
  } catch (const Error& e) {
    throw e.within(fmt::format("giving the server policy {}", policy_version));
  }
  asked_policy_ = label;
  served_policy_ = label;
  check_policy("after it was given policy");
  for (const auto& other : fs::directory_iterator(weights.folder, failure)) {
    if (other.path() != folder) fs::remove_all(other.path(), failure);
  }
}

void RemoteRolloutEngine::check_policy(std::string_view when) {
  const auto now = server_->policy(*admin_);
  if (!now) return;
  if (!served_policy_) served_policy_ = now;
  if (*now != *served_policy_)
    throw Error(ErrorCode::kUnavailable,
                fmt::format("{} {}, the server has the weights \"{}\" and not \"{}\"; somebody "
                            "else gives this server weights",
                            when, version_, *now, *served_policy_));
}

void RemoteRolloutEngine::check_room(const RolloutRequest& request) const {
  const auto context = server_->context_tokens();
  if (!context) return;
  std::size_t longest = 0;
  for (const Prompt& prompt : request.prompts) longest = std::max(longest, prompt.tokens.size());
  const std::int64_t needed = static_cast<std::int64_t>(longest) + request.sampling.max_new_tokens;
  if (needed > *context)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("a story may need {} tokens, and the server's context has {}; start it "
                            "with a longer one or lower the response limit",
                            needed, *context));
}

HttpRequest RemoteRolloutEngine::http_request(const StoryCall& call) const {
  HttpRequest request = server_->request(call);
  request.headers.push_back({"content-type", "application/json"});
  request.deadline_s = options_.config.deadline_s;
  request.max_response_bytes = 512U << 20;  // some servers repeat the story in every event
  server_->add_key(request, options_.key);
  return request;
}

std::vector<RolloutGroup> RemoteRolloutEngine::generate(const RolloutRequest& request,
                                                        const OnRollout& on_rollout) {
  request.check();
  if (request.prompts.empty()) return {};
  POLARIS_CHECK(!options_.weights || !asked_policy_.empty(), "use_policy() comes first");
  look();
  server_->check(request.sampling);
  check_room(request);
  check_policy("before the stories of policy");
  std::vector<RolloutGroup> groups = Run(*this, request, on_rollout).run();
  check_policy("after the stories of policy");
  return groups;
}

std::string server_key(const RemoteRolloutConfig& config) {
  if (config.api_key_env.empty()) return "";
  const char* key = std::getenv(config.api_key_env.c_str());
  if (key == nullptr || *key == '\0')
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("the environment variable {}, which rollout.remote.api_key_env names, "
                            "is not set",
                            config.api_key_env));
  return key;
}

std::unique_ptr<StoryServer> make_story_server(const RemoteRolloutConfig& config) {
  switch (config.server) {
    case RemoteServer::kVllm:
      return std::make_unique<VllmServer>(config);
    case RemoteServer::kSglang:
      return std::make_unique<SglangServer>(config);
    case RemoteServer::kLlama:
      return std::make_unique<LlamaServer>(config);
    default:
      throw Error(ErrorCode::kInvalidConfig,
                  "this command needs token ids; set rollout.remote.server to vllm, sglang or "
                  "llama");
  }
}

}  // namespace polaris
