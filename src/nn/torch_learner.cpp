#include "nn/torch_learner.h"

#include <optional>

#include "base/available_memory.h"
#include "base/error.h"
#include "nn/internal/gradient_pass.h"
#include "nn/internal/learner_state.h"
#include "nn/internal/optimizer.h"
#include "nn/internal/torch_errors.h"
#include "nn/layer_memory.h"
#include "nn/micro_batches.h"
#include "nn/sequence_check.h"

namespace polaris {
namespace {

// Where learner.microbatch_tokens is 0: enough for products to be near their rate.
constexpr std::int64_t kMicrobatchTokensCpu = 4096;
constexpr std::int64_t kMicrobatchTokensCuda = 16896;
constexpr auto kLowerMicrobatch = "lower learner.microbatch_tokens";

nn::StoreOptions store_options(const TorchLearnerOptions& options) {
  if (!options.model.lora.adapter.empty() && !options.model.lora.enabled)
    throw Error(
        ErrorCode::kInvalidConfig,
        "model.lora.adapter is set, but all weights are to be trained; write "
        "model.lora.enabled = true to train the adapter, or polaris model merge to make one "
        "model of both first");
  const at::Device device = nn::open_device(options.device);
  const at::ScalarType compute = nn::compute_type(options.model.compute_dtype, device);
  return {.device = device,
          .compute = compute,
          .split_master = compute == at::kBFloat16,
          .gradients = true,
          .collective = options.collective};
}

std::optional<Dtype> saved_dtype(SaveDtype dtype) {
  switch (dtype) {
    case SaveDtype::kFloat32:
      return Dtype::kF32;
    case SaveDtype::kBfloat16:
      return Dtype::kBF16;
    case SaveDtype::kAsLoaded:
      break;
  }
  return std::nullopt;
}

/// Tokens that the model reads of a row: the last one is only predicted.
std::int64_t read_tokens(const Row& row) {
  return static_cast<std::int64_t>(row.prompt_tokens.size() + row.response_tokens.size()) - 1;
}

/// Bytes that one token of a micro-batch takes on its way forward and backward.
std::int64_t bytes_per_token(const nn::Model& model, bool recompute) {
  const ModelConfig& config = model.config();
  const std::int64_t width = model.store.options().compute == at::kBFloat16 ? 2 : 4;
  std::int64_t saved = 0, live = 0, live_beyond_saved = 0;
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    LayerMemory layer = layer_memory(config, config.layers[i], width);
    if (model.adapters) layer += adapter_memory(model.adapters->layout(), i, width);
    saved += layer.saved;
    live = std::max(live, layer.peak);
    live_beyond_saved = std::max(live_beyond_saved, layer.peak - layer.saved);
  }
  const auto inputs = static_cast<std::int64_t>(config.layers.size()) * config.hidden_size * width;
  return inputs + (recompute ? live : saved + live_beyond_saved);
}

/// Rows end to end, and where each scored token comes from.
struct RowPack {
  nn::PackedTargets packed;
  std::vector<std::pair<const Row*, std::size_t>> place;  // [R] row and response index

  void add(const Row& row) {
    packed.add(row.prompt_tokens, row.response_tokens);
    for (std::size_t t = 0; t < row.response_tokens.size(); ++t) place.emplace_back(&row, t);
  }
};

}  // namespace

class TorchLearner::Impl {
 public:
  explicit Impl(const TorchLearnerOptions& options)
      : options_(options),
        model_(std::make_shared<nn::Model>(options.model.path, store_options(options),
                                           options.model.lora, options.seed)),
        bytes_per_token_(bytes_per_token(*model_, options.learner.recompute)),
        optimizer_(model_->trained(), options.optimizer, options.seed),
        trunk_(model_->decoder, options.learner.recompute),
        load_(static_cast<std::size_t>(sharding().ranks())) {}

  void accumulate(std::span<const Row> rows) {
    check(rows);
    const auto other_group = [](const Row& a, const Row& b) { return a.group != b.group; };
    while (!rows.empty()) {
      const auto next = std::adjacent_find(rows.begin(), rows.end(), other_group);
      const auto count = next == rows.end() ? rows.size() : std::size_t(next - rows.begin()) + 1;
      accumulate_group(rows.first(count));
      rows = rows.subspan(count);
    }
  }

  void accumulate_group(std::span<const Row> rows) {
    std::vector<const Row*> active = active_rows(rows);
    take_share(active);
    std::vector<std::int64_t> tokens;
    for (const Row* row : active) tokens.push_back(read_tokens(*row));
    const auto batches = make_micro_batches(tokens, microbatch_tokens());
    for (const auto& batch : batches) check_memory(batch, tokens);
    for (const Row& row : rows) tally_.add_row(row);
    for (const auto& batch : batches) {
      RowPack pack;
      for (const std::size_t i : batch) pack.add(*active[i]);
      add(pack);
    }
  }

  UpdateStats apply(double step_scale) {
    tally_.add_other_ranks(sharding().collective());
    std::ranges::fill(load_, 0);
    UpdateStats stats = tally_.take(step_scale);
    ++version_;
    const auto& config = options_.optimizer;
    stats.learning_rate = learning_rate(config.lr, config.schedule, config.warmup_steps, version_,
                                        options_.total_steps);
    if (stats.rows == 0) {
      stats.skipped = true;
      return stats;
    }
    auto step = optimizer_.step(stats.learning_rate, step_scale);
    stats.grad_norm = step.grad_norm;
    stats.nonfinite_tensors = std::move(step.nonfinite_tensors);
    stats.skipped = !stats.nonfinite_tensors.empty();
    return stats;
  }

  std::int64_t version() const { return version_; }

  Policy policy() const { return Policy(model_); }

  void save(const std::filesystem::path& folder) const {
    nn::save_learner_state(folder, *model_, optimizer_, saved_dtype(options_.model.save_dtype),
                           version_);
  }

  void load(const std::filesystem::path& folder) {
    version_ = nn::load_learner_state(folder, *model_, optimizer_);
    model_->trained().zero_gradient();
    tally_ = TokenTally();
    std::ranges::fill(load_, 0);
  }

  void save_model(const std::filesystem::path& folder, std::optional<Dtype> dtype) const {
    const nn::ParameterStore::Gathered masters(model_->trained());
    if (sharding().rank() != 0) return;
    std::filesystem::create_directories(folder);
    nn::save_model(*model_, folder, dtype ? dtype : saved_dtype(options_.model.save_dtype));
  }

 private:
  const nn::Sharding& sharding() const { return model_->trained().sharding(); }

  static std::vector<const Row*> active_rows(std::span<const Row> rows) {
    std::vector<const Row*> active;
    for (const Row& row : rows) {
      if (row.advantage * row.coefficient != 0.0) active.push_back(&row);
    }
    return active;
  }

  /// Leaves the rows that this rank computes.
  void take_share(std::vector<const Row*>& rows) {
    if (sharding().ranks() == 1) return;
    std::vector<std::int64_t> tokens;
    for (const Row* row : rows) tokens.push_back(read_tokens(*row));
    const std::vector<int> ranks = deal(tokens, load_);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (ranks[i] == sharding().rank()) rows[kept++] = rows[i];
    }
    rows.resize(kept);
  }

  void check(std::span<const Row> rows) const {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      const std::string where = fmt::format("row {}", i);
      check_tokens(row.prompt_tokens, model_->config().vocab_size, where + ", prompt");
      check_tokens(row.response_tokens, model_->config().vocab_size, where + ", response");
      for (const auto* logprobs : {&row.old_logprobs, &row.sampler_logprobs}) {
        if (!logprobs->empty() && logprobs->size() != row.response_tokens.size())
          throw Error(ErrorCode::kInvalidData,
                      fmt::format("{}: {} log-probabilities for {} response tokens", where,
                                  logprobs->size(), row.response_tokens.size()));
      }
    }
  }

  std::int64_t microbatch_tokens() const {
    if (options_.learner.microbatch_tokens > 0) return options_.learner.microbatch_tokens;
    return model_->device().is_cuda() ? kMicrobatchTokensCuda : kMicrobatchTokensCpu;
  }

  /// A CPU's allocator promises what it does not have, and the system then kills the process; a
  /// GPU's says no.
  void check_memory(const std::vector<std::size_t>& batch,
                    const std::vector<std::int64_t>& tokens) const {
    if (!model_->device().is_cpu()) return;
    std::int64_t count = 0;
    for (const std::size_t i : batch) count += tokens[i];
    const auto available = available_memory_bytes();
    const std::int64_t needed = count * bytes_per_token_;
    if (!available || needed <= *available) return;
    throw Error(
        ErrorCode::kOutOfMemory,
        fmt::format("a micro-batch of {} tokens ({} rows) needs {:.1f} GB, and {:.1f} GB are "
                    "free; lower {}",
                    count, batch.size(), 1e-9 * static_cast<double>(needed),
                    1e-9 * static_cast<double>(*available),
                    batch.size() > 1 ? "learner.microbatch_tokens" : "data.max_response_tokens"));
  }

  /// Adds the gradient of one micro-batch, and its tokens to the tally.
  void add(const RowPack& pack) {
    std::vector<TokenLoss> losses(pack.place.size());
    const auto loss_gradient = [&](std::int64_t first, std::span<const float> logprobs,
                                   std::span<float> gradient) {
      for (std::size_t i = 0; i < logprobs.size(); ++i) {
        const auto& [row, t] = pack.place[first + i];
        TokenLoss& loss = losses[first + i];
        loss = row_token_loss(*row, t, logprobs[i], options_.loss, options_.objective);
        gradient[i] = static_cast<float>(row->coefficient * loss.gradient);
      }
    };
    const nn::HeadScores scores =
        nn::gradient_pass(model_->decoder, trunk_, pack.packed, options_.temperature, loss_gradient,
                          options_.head_rows);
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const auto& [row, t] = pack.place[i];
      tally_.add_token(*row, t, scores.logprobs[i], scores.entropies[i], losses[i]);
    }
  }

  TorchLearnerOptions options_;
  std::shared_ptr<nn::Model> model_;
  std::int64_t bytes_per_token_;
  nn::Optimizer optimizer_;
  nn::Trunk trunk_;
  TokenTally tally_;
  std::vector<std::int64_t> load_;  // tokens that each rank has of this update
  std::int64_t version_ = 0;
};

TorchLearner::TorchLearner(const TorchLearnerOptions& options)
    : impl_(nn::translating("loading the policy", "see polaris model info for what it needs",
                            [&] { return std::make_unique<Impl>(options); })) {}

TorchLearner::~TorchLearner() = default;

void TorchLearner::accumulate(std::span<const Row> rows) {
  nn::translating("updating the policy", kLowerMicrobatch, [&] { impl_->accumulate(rows); });
}

UpdateStats TorchLearner::apply(double step_scale) {
  return nn::translating("updating the policy", kLowerMicrobatch,
                         [&] { return impl_->apply(step_scale); });
}

std::int64_t TorchLearner::policy_version() const { return impl_->version(); }

Policy TorchLearner::policy() const { return impl_->policy(); }

void TorchLearner::save(const std::filesystem::path& folder) const { impl_->save(folder); }

void TorchLearner::load(const std::filesystem::path& folder) { impl_->load(folder); }

void TorchLearner::save_weights(const std::filesystem::path& folder) const {
  impl_->save_model(folder, Dtype::kF32);
}

void TorchLearner::save_model(const std::filesystem::path& folder,
                              std::optional<Dtype> dtype) const {
  impl_->save_model(folder, dtype);
}

}  // namespace polaris
