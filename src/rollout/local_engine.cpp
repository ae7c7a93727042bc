#include "rollout/local_engine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "nn/decode_session.h"
#include "rollout/rollout_text.h"

namespace polaris {
namespace {

/// Share of the free memory that slots may take where nobody says how many.
constexpr double kMemoryShare = 0.75;

/// One sequence being written.
struct Writer {
  std::size_t prompt, sample;
  std::int64_t slot;
  Sampler sampler;
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

/// Slots for `sequences` of `max_tokens`, and one more, which keeps the state behind a prompt.
std::int64_t count_slots(const DecodeWeights& weights, std::int64_t wanted, std::int64_t sequences,
                         std::int64_t max_tokens) {
  const std::int64_t bytes = DecodeSession::bytes_per_slot(weights, max_tokens);
  const auto available = DecodeSession::available_bytes(weights.policy());
  std::int64_t slots = wanted > 0 ? std::min(wanted, sequences) : sequences;
  if (!available) return slots + 1;
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
  return slots + 1;
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
        total_(request.prompts.size() * request.rollouts_per_prompt),
        max_tokens_(longest_prompt(request.prompts) + request.sampling.max_new_tokens),
        session_(engine.weights(),
                 count_slots(engine.weights(), engine.options_.slots,
                             static_cast<std::int64_t>(total_ - next_), max_tokens_),
                 max_tokens_),
        prompt_slot_(session_.slots() - 1) {
    for (std::int64_t slot = prompt_slot_; slot-- > 0;) free_slots_.push_back(slot);
    for (const Prompt& prompt : request.prompts)
      groups_.push_back({.prompt = prompt,
                         .rollouts = std::vector<Rollout>(request.rollouts_per_prompt),
                         .policy_version = engine.version_});
  }

  std::vector<RolloutGroup> run() {
    for (admit(); !writers_.empty(); admit()) {
      if (engine_.options_.interrupted())
        throw Error(ErrorCode::kInterrupted, "stopped while stories were being written");
      step();
    }
    return std::move(groups_);
  }

 private:
  /// Free slots get the next sequences; those that end with their first token leave again.
  void admit() {
    for (; next_ < total_ && !free_slots_.empty(); ++next_) {
      const std::size_t p = next_ / request_.rollouts_per_prompt;
      const std::size_t sample = next_ % request_.rollouts_per_prompt;
      if (sample == 0 || next_ == request_.skip) read_prompt(p);
      const std::int64_t slot = free_slots_.back();
      free_slots_.pop_back();
      session_.copy(prompt_slot_, slot);
      const Prompt& prompt = request_.prompts[p];
      const StreamId stream{.seed = engine_.options_.seed,
                            .prompt_hash = id_hash(prompt.id),
                            .step = static_cast<std::uint32_t>(request_.step),
                            .sample = static_cast<std::uint32_t>(sample)};
      writers_.push_back(
          {.prompt = p,
           .sample = sample,
           .slot = slot,
           .sampler = Sampler(request_.sampling, engine_.vocabulary_, stream, prompt.tokens)});
      write(writers_.back(), prompt_logits_);
      retire();
    }
  }

  void read_prompt(std::size_t p) {
    try {
      const auto logits = session_.begin(prompt_slot_, request_.prompts[p].tokens);
      prompt_logits_.assign(logits.begin(), logits.end());
    } catch (const Error& e) {
      throw e.within(fmt::format("prompt {}", shorten(request_.prompts[p].id, 80)));
    }
  }

  /// One token for every sequence.
  void step() {
    slots_.clear();
    tokens_.clear();
    for (const Writer& writer : writers_) {
      slots_.push_back(writer.slot);
      tokens_.push_back(writer.rollout.tokens.back());
    }
    const auto logits = session_.step(slots_, tokens_);
    const std::size_t width = logits.size() / writers_.size();
    for (std::size_t i = 0; i < writers_.size(); ++i)
      write(writers_[i], logits.subspan(i * width, width));
    retire();
  }

  void write(Writer& writer, std::span<float> logits) {
    const DrawnToken drawn = writer.sampler.draw(logits, scratch_);
    Rollout& rollout = writer.rollout;
    rollout.tokens.push_back(drawn.token);
    rollout.logprobs.push_back(drawn.logprob);
    rollout.sampled_logprobs.push_back(drawn.sampled_logprob);
    engine_.options_.on_token(writer.prompt, writer.sample, drawn.token);
    if (engine_.stops(drawn.token)) {
      rollout.stop = StopReason::kEndOfText;
      writer.is_finished = true;
    } else if (std::ssize(rollout.tokens) >= request_.sampling.max_new_tokens) {
      rollout.stop = StopReason::kMaxTokens;
      writer.is_finished = true;
    }
  }

  void retire() {
    for (Writer& writer : writers_) {
      if (!writer.is_finished) continue;
      Rollout& rollout = groups_[writer.prompt].rollouts[writer.sample];
      rollout = std::move(writer.rollout);
      if (engine_.tokenizer_ != nullptr) rollout.text = rollout_text(*engine_.tokenizer_, rollout);
      free_slots_.push_back(writer.slot);
      on_rollout_(writer.prompt, writer.sample, rollout);
    }
    std::erase_if(writers_, [](const Writer& writer) { return writer.is_finished; });
  }

  LocalRolloutEngine& engine_;
  const RolloutRequest& request_;
  const OnRollout& on_rollout_;
  std::size_t next_;  // sequence to start
  std::size_t total_;
  std::int64_t max_tokens_;
  DecodeSession session_;
  std::int64_t prompt_slot_;  // keeps the state behind the prompt whose samples are being started
  std::vector<float> prompt_logits_;
  std::vector<std::int64_t> free_slots_;
  std::vector<Writer> writers_;
  std::vector<RolloutGroup> groups_;
  SamplerScratch scratch_;
  std::vector<std::int64_t> slots_;  // of a step
  std::vector<TokenId> tokens_;      // likewise
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
