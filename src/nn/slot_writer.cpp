#include "nn/internal/slot_writer.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "nn/cuda/decode_draw_blocks.h"
#include "nn/internal/cached_decoder.h"
#include "nn/internal/run_blocks.h"
#include "nn/sequence_check.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kRing = DeviceSession::kMostSteps + 1;  // the first token is one more

/// Rows of a step: as many graphs are recorded at most (specs/performance.md C.3).
std::int64_t bucket_of(std::int64_t rows) {
  for (const std::int64_t size : {1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 64, 96, 128, 192, 256}) {
    if (rows <= size) return size;
  }
  return (rows + 63) / 64 * 64;
}

/// Memory of int32 as what it holds.
template <class T>
const T* as(const at::Tensor& ints) {
  return reinterpret_cast<const T*>(ints.const_data_ptr<std::int32_t>());
}
template <class T>
T* mutable_as(const at::Tensor& ints) {
  return reinterpret_cast<T*>(ints.mutable_data_ptr<std::int32_t>());
}

cuda::DrawRules rules_of(const DrawConfig& config, std::int64_t width) {
  return {.temperature = config.temperature,
          .top_p = config.top_p,
          .min_p = config.min_p,
          .top_k = static_cast<std::int32_t>(std::min(config.top_k, width)),
          .repetition_penalty = static_cast<float>(config.repetition_penalty),
          .presence_penalty = config.presence_penalty,
          .frequency_penalty = config.frequency_penalty,
          .min_new_tokens = static_cast<std::int32_t>(config.min_new_tokens),
          .max_new_tokens = static_cast<std::int32_t>(config.max_new_tokens),
          .width = static_cast<std::int32_t>(width),
          .vocabulary = static_cast<std::int32_t>(config.vocabulary),
          .stop_tokens = nullptr,
          .stop_count = static_cast<std::int32_t>(config.stop_tokens.size()),
          .stops_end = config.stops_end};
}

at::ScalarType type_of(const Decoder& decoder) { return decoder.head().value.scalar_type(); }

}  // namespace

SlotWriter::SlotWriter(const Decoder& decoder, std::int64_t slots, std::int64_t max_tokens,
                       const DrawConfig& config)
    : decoder_(decoder),
      rules_(rules_of(config, decoder.config().vocab_size)),
      arena_(DecoderCache::bytes(decoder.config(), slots, max_tokens, type_of(decoder)),
             decoder.head().value.device()),
      cache_(decoder.config(), slots, max_tokens, type_of(decoder), arena_),
      steps_(decoder, cache_),
      read_(static_cast<std::size_t>(slots), 0) {
  POLARIS_CHECK(config.vocabulary > 0 && config.vocabulary <= rules_.width,
                "{} logits for a vocabulary of {}", rules_.width, config.vocabulary);
  const auto ints = decoder.head().value.options().dtype(at::kInt);
  sequences_ = at::zeros({slots * (cuda::kSlotInts + kRing * cuda::kRecordInts)}, ints);
  states_ = sequences_.narrow(0, 0, slots * cuda::kSlotInts).view({slots, -1});
  records_ = sequences_.narrow(0, states_.numel(), slots * kRing * cuda::kRecordInts);
  seen_ = at::zeros({slots, rules_.seen_words()}, ints);
  if (rules_.counts_output()) counts_ = at::zeros({slots, rules_.width}, ints);
  stop_tokens_ = on_device({config.stop_tokens.begin(), config.stop_tokens.end()});
  rules_.stop_tokens = stop_tokens_.const_data_ptr<std::int32_t>();
  if (config.uses_graphs) graphs_.emplace();
}

std::int64_t SlotWriter::bytes_per_slot(const Decoder& decoder, std::int64_t max_tokens,
                                        const DrawConfig& config) {
  constexpr std::int64_t kLogitCopies = 2;  // where products pad their rows
  const std::int64_t width = decoder.config().vocab_size;
  const cuda::DrawRules rules = rules_of(config, width);
  const std::int64_t words = cuda::kSlotInts + kRing * cuda::kRecordInts + rules.seen_words() +
                             (rules.counts_output() ? width : 0) + kLogitCopies * width;
  return DecoderCache::bytes(decoder.config(), 1, max_tokens, type_of(decoder)) +
         words * static_cast<std::int64_t>(sizeof(std::int32_t));
}

at::Tensor SlotWriter::on_device(const std::vector<std::int32_t>& values) const {
  return at::tensor(values, at::kInt).to(decoder_.head().value.device());
}

void SlotWriter::begin(std::int64_t slot, std::span<const TokenId> prompt) {
  check_tokens(prompt, rules_.width, "prompt");
  prompt_slot_ = slot;
  cache_.clear(slot);
  const CachePiece piece{.slot = slot, .tokens = prompt};
  prompt_logits_ = logits(decoder_, extend(decoder_, cache_, std::span(&piece, 1))).contiguous();
  std::vector<std::uint32_t> seen(static_cast<std::size_t>(rules_.seen_words()), 0);
  for (const TokenId token : prompt) seen[token / 32] |= 1U << (token % 32);
  seen_[slot].copy_(at::from_blob(seen.data(), {rules_.seen_words()}, at::kInt));
}

void SlotWriter::start(std::int64_t slot, const StreamId& stream) {
  POLARIS_CHECK(std::ranges::count(live_, slot) == 0, "slot {} is being written", slot);
  cache_.copy(prompt_slot_, slot);
  if (slot != prompt_slot_) seen_[slot].copy_(seen_[prompt_slot_]);
  if (counts_.defined()) counts_[slot].zero_();
  cuda::SlotState state{
      .status = cuda::SlotStatus::kWriting,
      .length = static_cast<std::int32_t>(cache_.length(slot)),
      .seed = {static_cast<std::uint32_t>(stream.seed),
               static_cast<std::uint32_t>(stream.seed >> 32)},
      .prompt_hash = stream.prompt_hash,
      .step = stream.step,
      .sample_and_purpose = stream.sample << 8 | static_cast<std::uint32_t>(stream.purpose)};
  states_[slot].copy_(at::from_blob(&state, {cuda::kSlotInts}, at::kInt));
  read_[slot] = 0;
  live_.push_back(slot);
  has_changed_ = true;
  draw(prompt_logits_, on_device({static_cast<std::int32_t>(slot)}));
}

std::vector<DeviceProgress> SlotWriter::advance(std::int64_t steps) {
  POLARIS_CHECK(steps > 0 && steps <= DeviceSession::kMostSteps, "{} steps", steps);
  if (live_.empty()) return {};
  Bucket& bucket = fill_bucket();
  for (std::int64_t i = 0; i < steps; ++i) step(bucket);
  return read_back();
}

SlotWriter::Bucket& SlotWriter::fill_bucket() {
  const std::int64_t rows = bucket_of(std::ssize(live_));
  Bucket& bucket = buckets_[rows];
  if (!std::exchange(has_changed_, false)) return bucket;
  std::vector<std::int32_t> slots(live_.begin(), live_.end());
  slots.resize(static_cast<std::size_t>(rows), -1);
  if (!bucket.slots.defined()) bucket.slots = on_device(slots);
  bucket.slots.copy_(at::tensor(slots, at::kInt));
  return bucket;
}

void SlotWriter::step(Bucket& bucket) {
  constexpr std::int64_t kPlainSteps = 2;  // in which libraries take the memory that they keep
  const auto work = [&] { draw(steps_.step(bucket.slots, states_), bucket.slots); };
  if (!graphs_ || bucket.steps++ < kPlainSteps) return work();
  const std::int64_t rows = bucket.slots.size(0);
  if (!graphs_->has(rows)) graphs_->record(rows, work);
  graphs_->repeat(rows);
}

void SlotWriter::draw(const at::Tensor& logits, const at::Tensor& slots) {
  POLARIS_CHECK(logits.is_contiguous() && logits.size(1) == rules_.width, "logits with gaps");
  const cuda::DrawToken kernel{
      .rules = rules_,
      .logits = logits.const_data_ptr<float>(),
      .slots = slots.const_data_ptr<std::int32_t>(),
      .states = mutable_as<cuda::SlotState>(states_),
      .seen = mutable_as<std::uint32_t>(seen_),
      .counts = counts_.defined() ? counts_.mutable_data_ptr<std::int32_t>() : nullptr,
      .records = mutable_as<cuda::TokenRecord>(records_),
      .ring = kRing};
  run_blocks(kernel, slots.size(0), logits);
}

std::vector<DeviceProgress> SlotWriter::read_back() {
  const at::Tensor copy = sequences_.cpu();
  const auto* states = as<cuda::SlotState>(copy);
  const auto* records = as<cuda::TokenRecord>(copy.narrow(0, states_.numel(), records_.numel()));
  std::vector<DeviceProgress> progress;
  for (const std::int64_t slot : live_) {
    const cuda::SlotState& state = states[slot];
    DeviceProgress& news = progress.emplace_back();
    news.slot = slot;
    news.is_damaged = state.status == cuda::SlotStatus::kDamaged;
    for (std::int32_t& i = read_[slot]; i < state.drawn; ++i) {
      const cuda::TokenRecord& record = records[slot * kRing + i % kRing];
      news.tokens.push_back({.token = record.token,
                             .logprob = record.logprob,
                             .sampled_logprob = record.sampled_logprob});
    }
  }
  const auto ended = std::erase_if(
      live_, [&](std::int64_t slot) { return states[slot].status != cuda::SlotStatus::kWriting; });
  if (ended > 0) has_changed_ = true;
  return progress;
}

}  // namespace polaris::nn
