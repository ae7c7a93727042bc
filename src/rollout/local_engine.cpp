#include "rollout/local_engine.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "nn/decode_session.h"
#include "rollout/rollout_text.h"
#include "rollout/token_writer.h"

namespace polaris {
namespace {

/// Share of the free memory that slots may take where nobody says how many.
constexpr double kMemoryShare = 0.75;

/// One sequence being written.
struct Story {
  std::size_t prompt, sample;
  std::int64_t slot;
  Rollout rollout;
  bool is_finished = false;
};

std::vector<TokenId> dry_breakers(const Tokenizer* tokenizer) {
  std::vector<TokenId> breakers;
  if (tokenizer == nullptr) return breakers;
  for (const char* text : {"\n", ":", "\"", "*"}) {
    const auto ids = tokenizer->encode_plain(text);
    if (ids.size() == 1) breakers.push_back(ids.front());
  }
  return breakers;
}

std::int64_t longest_prompt(std::span<const Prompt> prompts) {
  std::size_t longest = 0;
  for (const Prompt& prompt : prompts) longest = std::max(longest, prompt.tokens.size());
  return static_cast<std::int64_t>(longest);
}

/// Slots for `sequences`, beside one more that keeps the state behind a prompt.
/// @param bytes  of a slot
std::int64_t count_slots(const Policy& policy, std::int64_t bytes, std::int64_t wanted,
                         std::int64_t sequences, std::int64_t max_tokens) {
  const auto available = DecodeSession::available_bytes(policy);
  std::int64_t slots = wanted > 0 ? std::min(wanted, sequences) : sequences;
  if (!available) return slots;
  if (wanted == 0) {
    const auto share = static_cast<std::int64_t>(kMemoryShare * static_cast<double>(*available));
    slots = std::clamp<std::int64_t>(share / bytes - 1, 1, sequences);
  }
  if ((slots + 1) * bytes > *available)
    throw Error(ErrorCode::kOutOfMemory,
                fmt::format("{} sequences of {} tokens side by side need {:.1f} GB, and {:.1f} GB "
                            "are free; lower rollout.slots or the response limit",
                            slots, max_tokens, 1e-9 * static_cast<double>((slots + 1) * bytes),
                            1e-9 * static_cast<double>(*available)));
  return slots;
}

}  // namespace

/// One call of generate().
class LocalRolloutEngine::Run {
 public:
  Run(LocalRolloutEngine& engine, const RolloutRequest& request, const OnRollout& on_rollout)
      : engine_(engine),
        request_(request),
        on_rollout_(on_rollout),
        next_(request.skip),
        total_(request.end()) {
    open_writer();
    for (const Prompt& prompt : request.prompts)
      groups_.push_back({.prompt = prompt,
                         .rollouts = std::vector<Rollout>(request.rollouts_per_prompt),
                         .policy_version = engine.version_});
  }

  std::vector<RolloutGroup> run() {
    for (admit(); !stories_.empty(); admit()) {
      if (engine_.options_.interrupted())
        throw Error(ErrorCode::kInterrupted, "stopped while stories were being written");
      writer_->advance(on_token_);
      retire();
    }
    return std::move(groups_);
  }

 private:
  void open_writer() {
    const DecodeWeights& weights = engine_.weights();
    const Policy& policy = weights.policy();
    const std::int64_t max_tokens =
        longest_prompt(request_.prompts) + request_.sampling.max_new_tokens;
    const auto slots_of = [&](std::int64_t bytes) {
      const std::int64_t slots = count_slots(policy, bytes, engine_.options_.slots,
                                             static_cast<std::int64_t>(total_ - next_), max_tokens);
      for (std::int64_t slot = slots; slot-- > 0;) free_slots_.push_back(slot);
      return slots;
    };
    if (engine_.draws_on_device(request_.sampling)) {
      const DrawConfig config =
          draw_config(request_.sampling, engine_.vocabulary_, !engine_.options_.ignore_stop_tokens);
      writer_ = std::make_unique<DeviceTokenWriter>(
          policy, slots_of(DeviceSession::bytes_per_slot(policy, max_tokens, config)), max_tokens,
          config);
    } else {
      writer_ = std::make_unique<HostTokenWriter>(
          weights, slots_of(DecodeSession::bytes_per_slot(weights, max_tokens)), max_tokens,
          request_.sampling, engine_.vocabulary_);
    }
  }

  /// Free slots get the next sequences; those that end with their first token leave again.
  void admit() {
    for (; next_ < total_ && !free_slots_.empty(); ++next_) {
      const std::size_t p = next_ / request_.rollouts_per_prompt;
      const std::size_t sample = next_ % request_.rollouts_per_prompt;
      if (sample == 0 || next_ == request_.skip) read_prompt(p);
      const std::int64_t slot = free_slots_.back();
      free_slots_.pop_back();
      stories_.push_back({.prompt = p, .sample = sample, .slot = slot});
      writer_->start(slot,
                     {.seed = engine_.options_.seed,
                      .prompt_hash = id_hash(request_.prompts[p].id),
                      .step = static_cast<std::uint32_t>(request_.step),
                      .sample = static_cast<std::uint32_t>(sample)},
                     on_token_);
      retire();
    }
  }

  void read_prompt(std::size_t p) {
    try {
      writer_->read_prompt(request_.prompts[p].tokens);
    } catch (const Error& e) {
      throw e.within(fmt::format("prompt {}", shorten(request_.prompts[p].id, 80)));
    }
  }

  void write(std::int64_t slot, const DrawnToken& drawn) {
    Story& story = *std::ranges::find(stories_, slot, &Story::slot);
    Rollout& rollout = story.rollout;
    rollout.tokens.push_back(drawn.token);
    rollout.logprobs.push_back(drawn.logprob);
    rollout.sampled_logprobs.push_back(drawn.sampled_logprob);
    engine_.options_.on_token(story.prompt, story.sample, drawn.token);
    if (engine_.stops(drawn.token)) {
      rollout.stop = StopReason::kEndOfText;
      story.is_finished = true;
    } else if (std::ssize(rollout.tokens) >= request_.sampling.max_new_tokens) {
      rollout.stop = StopReason::kMaxTokens;
      story.is_finished = true;
    }
  }

  void retire() {
    for (Story& story : stories_) {
      if (!story.is_finished) continue;
      Rollout& rollout = groups_[story.prompt].rollouts[story.sample];
      rollout = std::move(story.rollout);
      if (engine_.tokenizer_ != nullptr) rollout.text = rollout_text(*engine_.tokenizer_, rollout);
      writer_->finish(story.slot);
      free_slots_.push_back(story.slot);
      on_rollout_(story.prompt, story.sample, rollout);
    }
    std::erase_if(stories_, [](const Story& story) { return story.is_finished; });
  }

  LocalRolloutEngine& engine_;
  const RolloutRequest& request_;
  const OnRollout& on_rollout_;
  std::size_t next_;  // sequence to start
  std::size_t total_;
  std::vector<std::int64_t> free_slots_;
  std::unique_ptr<TokenWriter> writer_;
  std::vector<Story> stories_;
  std::vector<RolloutGroup> groups_;
  const TokenWriter::OnToken on_token_ = [this](std::int64_t slot, const DrawnToken& drawn) {
    write(slot, drawn);
  };
};

LocalRolloutEngine::LocalRolloutEngine(Policy policy, const Tokenizer* tokenizer, Options options)
    : policy_(std::move(policy)), tokenizer_(tokenizer), options_(std::move(options)) {
  vocabulary_ = {.size = policy_.config().vocab_size,
                 .stop_tokens = options_.stop_tokens,
                 .dry_breakers = dry_breakers(tokenizer)};
  if (tokenizer != nullptr)
    vocabulary_.size =
        std::min(vocabulary_.size, static_cast<std::int64_t>(tokenizer->vocab_size()));
}

bool LocalRolloutEngine::stops(TokenId token) const {
  return !options_.ignore_stop_tokens && std::ranges::count(options_.stop_tokens, token) > 0;
}

bool LocalRolloutEngine::draws_on_device(const SamplingConfig& sampling) const {
  return options_.draws_on_device.value_or(DeviceSession::is_on_gpu(policy_)) &&
         DeviceTokenWriter::supports(policy_, sampling);
}

const DecodeWeights& LocalRolloutEngine::weights() {
  if (!weights_) weights_.emplace(policy_, options_.weights);
  return *weights_;
}

std::vector<RolloutGroup> LocalRolloutEngine::generate(const RolloutRequest& request,
                                                       const OnRollout& on_rollout) {
  request.check();
  if (request.prompts.empty()) return {};
  return Run(*this, request, on_rollout).run();
}

std::optional<WeightStorage> weight_storage(RolloutDtype dtype) {
  switch (dtype) {
    case RolloutDtype::kAuto:
      return std::nullopt;
    case RolloutDtype::kFloat32:
      return WeightStorage::kFloat32;
    case RolloutDtype::kBfloat16:
      return WeightStorage::kBfloat16;
    case RolloutDtype::kInt8:
      return WeightStorage::kInt8;
  }
  throw Error(ErrorCode::kInternal, "an unknown rollout.weight_dtype");
}

std::vector<TokenId> stop_tokens(const ModelConfig& config, const Tokenizer* tokenizer,
                                 std::string_view end_of_turn) {
  std::vector<TokenId> tokens(config.eos_token_ids.begin(), config.eos_token_ids.end());
  const auto add = [&](std::optional<TokenId> token) {
    if (token && *token < config.vocab_size && std::ranges::count(tokens, *token) == 0)
      tokens.push_back(*token);
  };
  if (tokenizer != nullptr) {
    add(tokenizer->eos_id());
    add(tokenizer->token_to_id(end_of_turn));
  }
  return tokens;
}

}  // namespace polaris
