// The kernels of a decode step in nn/cuda/ against the definitions of the operations they join, on
// every device of this machine.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

#include "nn/cuda/decode_delta_blocks.h"
#include "nn/cuda/decode_draw_blocks.h"
#include "nn/cuda/decode_rows_blocks.h"
#include "nn/internal/attention_inputs.h"
#include "nn/internal/delta_inputs.h"
#include "nn/internal/delta_rule.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/row_ops.h"
#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

class DecodeBlocks : public testing::TestWithParam<at::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kCUDA && !at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
    at::manual_seed(3);
  }
  /// A copy on the device.
  at::Tensor here(const at::Tensor& x) const {
    return x.contiguous().to(at::Device(GetParam()), x.scalar_type(), /*non_blocking=*/false,
                             /*copy=*/true);
  }
  at::Tensor ints(std::vector<std::int32_t> values) const {
    return here(at::tensor(values, at::kInt));
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, DecodeBlocks, testing::Values(at::kCPU, at::kCUDA),
                         [](const auto& info) {
                           return std::string(info.param == at::kCPU ? "Cpu" : "Cuda");
                         });

const std::int32_t* data_of(const at::Tensor& x) { return x.const_data_ptr<std::int32_t>(); }

constexpr double kEps = 1e-6;

kernels::DeltaLayout layout_of(const LinearAttentionConfig& config) {
  return {.key_heads = config.key_heads,
          .value_heads = config.value_heads,
          .key_dim = config.key_head_dim,
          .value_dim = config.value_head_dim,
          .taps = config.conv_kernel};
}

/// Rows 0, 2 and 3 are slots 4, 0 and 1; row 1 is nothing.
const std::vector<std::int32_t> kSlots = {4, -1, 0, 1};
const std::vector<std::int64_t> kRows = {0, 2, 3}, kSlotsOfRows = {4, 0, 1};

at::Tensor index(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

/// DeltaStep with the fewest rows of a lane that the heads need.
template <class T>
void run_delta_step(const at::Tensor& x, std::int64_t items, auto make) {
  const auto shape = make.template operator()<1>().shape;
  const auto needed = cuda::DeltaStep<T, 1>::rows_of_lane(shape.key_dim, shape.value_dim);
  ASSERT_LE(needed, 16);
  if (needed <= 1) {
    run_blocks(make.template operator()<1>(), items, x);
  } else if (needed <= 4) {
    run_blocks(make.template operator()<4>(), items, x);
  } else {
    run_blocks(make.template operator()<16>(), items, x);
  }
}

TEST_P(DecodeBlocks, DeltaStepIsTheRecurrenceAndItsGatedNorm) {
  for (const auto& [key_heads, value_heads, keys, values] :
       {std::array<std::int64_t, 4>{2, 4, 128, 128},
        {1, 2, 16, 16},
        {2, 6, 16, 24},
        {2, 4, 32, 32},
        {1, 3, 64, 128},
        {1, 1, 40, 256}}) {
    const LinearAttentionConfig config{key_heads, value_heads, keys, values, 4};
    const std::int64_t rows = 4, channels = config.conv_dim();
    const auto unit = [](const at::Tensor& x) {
      return x / (x.square().sum(-1, true) + kEps).sqrt();
    };
    const at::Tensor q = unit(at::randn({rows, key_heads, keys}));
    const at::Tensor k = unit(at::randn({rows, key_heads, keys}));
    const at::Tensor v = at::randn({rows, value_heads, values});
    const at::Tensor g = -at::rand({rows, value_heads}), beta = at::rand({rows, value_heads});
    const at::Tensor z = at::randn({rows, value_heads * values}), w = at::rand({values}) + 0.5;
    const at::Tensor states = at::randn({5, value_heads, keys, values});
    const double scale = 1 / std::sqrt(static_cast<double>(keys));

    const auto wide = [](const at::Tensor& x) {
      return at::index_select(x, 0, index(kRows)).to(at::kDouble);
    };
    const DeltaOutput expected =
        delta_recurrence({.q = wide(q),
                          .k = wide(k),
                          .v = wide(v),
                          .g = wide(g),
                          .beta = wide(beta),
                          .h0 = at::index_select(states, 0, index(kSlotsOfRows)).to(at::kDouble)},
                         PackedSequences(std::vector<std::int64_t>{1, 1, 1}), scale);
    const at::Tensor y_expected =
        composite::gated_rms_norm(expected.o, wide(z).unflatten(1, {value_heads, values}),
                                  {.value = w.to(at::kDouble), .gradient = {}}, kEps);

    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const at::Tensor slots = ints(kSlots), device_states = here(states), device_w = here(w);
      const at::Tensor mixed = here(at::cat({q.flatten(1), k.flatten(1), v.flatten(1)}, 1));
      const at::Tensor device_g = here(g), device_beta = here(beta), gates = here(z.to(type));
      const at::Tensor y = here(at::zeros({rows, value_heads * values}, type));
      with_row_type(y, [&]<class T>(T) {
        run_delta_step<T>(y, rows * value_heads, [&]<int kLaneRows>() {
          return cuda::DeltaStep<T, kLaneRows>{
              .shape = layout_of(config),
              .scale = static_cast<float>(scale),
              .norm = {data<float>(device_w), values, static_cast<float>(kEps), false},
              .slots = data_of(slots),
              .mixed = data<float>(mixed),
              .g = data<float>(device_g),
              .beta = data<float>(device_beta),
              .z = data<T>(gates),
              .stride = gates.stride(0),
              .states = mutable_data<float>(device_states),
              .y = mutable_data<T>(y)};
        });
      });
      ASSERT_EQ(mixed.size(1), channels);
      const at::Tensor chosen = at::index_select(y.cpu(), 0, index(kRows));
      EXPECT_LT(relative_difference(chosen, y_expected), type == at::kFloat ? 2e-6 : 1.5e-2);
      const at::Tensor after = device_states.cpu();
      EXPECT_LT(relative_difference(at::index_select(after, 0, index(kSlotsOfRows)),
                                    expected.final_state),
                1e-6);
      for (const std::int64_t other : {2, 3}) EXPECT_TRUE(after[other].equal(states[other]));
      EXPECT_EQ(y[1].abs().max().item<float>(), 0.0F) << "a row that is nothing";
    }
  }
}

TEST_P(DecodeBlocks, ConvolveTokenIsTheOperationForOneToken) {
  const LinearAttentionConfig config{2, 6, 16, 24, 4};
  const std::int64_t rows = 4, channels = config.conv_dim();
  const DeltaInputWeights weights{.conv = {.value = at::randn({channels, 1, 4}), .gradient = {}},
                                  .a_log = {.value = at::randn({6}), .gradient = {}},
                                  .dt_bias = {.value = at::randn({6}), .gradient = {}}};
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor projection =
        at::randn({rows, channels + config.value_dim() + 2 * config.value_heads}).mul(3).to(type);
    const at::Tensor history = at::randn({5, 3, channels}).to(type);
    const PackedSequences one_each(std::vector<std::int64_t>{1, 1, 1});
    const at::Tensor chosen = at::index_select(projection, 0, index(kRows));
    const at::Tensor past = at::index_select(history, 0, index(kSlotsOfRows));
    const DeltaInputs expected = composite::delta_inputs(chosen, weights, config, one_each, past);

    const at::Tensor slots = ints(kSlots), device_history = here(history);
    const at::Tensor device_projection = here(projection);
    const at::Tensor conv = here(weights.conv.value), a_log = here(weights.a_log.value);
    const at::Tensor dt_bias = here(weights.dt_bias.value);
    const at::Tensor mixed = here(at::zeros({rows, channels})), g = here(at::zeros({rows, 6}));
    const at::Tensor beta = here(at::zeros({rows, 6}));
    with_row_type(projection, [&]<class T>(T) {
      cuda::ConvolveToken<T> kernel{.shape = layout_of(config),
                                    .conv = data<float>(conv),
                                    .slots = data_of(slots),
                                    .projection = data<T>(device_projection),
                                    .stride = device_projection.stride(0),
                                    .history = mutable_data<T>(device_history),
                                    .mixed = mutable_data<float>(mixed),
                                    .g = mutable_data<float>(g),
                                    .beta = mutable_data<float>(beta)};
      kernel.shape.a_log = data<float>(a_log);
      kernel.shape.dt_bias = data<float>(dt_bias);
      run_blocks(kernel, rows * kernel.items(), mixed);
    });
    const at::Tensor q_k_v =
        at::cat({expected.q.flatten(1), expected.k.flatten(1), expected.v.flatten(1)}, 1);
    const auto of_rows = [](const at::Tensor& x) {
      return at::index_select(x.cpu(), 0, index(kRows));
    };
    EXPECT_LT(relative_difference(of_rows(mixed), q_k_v), 2e-6);
    EXPECT_LT(relative_difference(of_rows(g), expected.g), 2e-6);
    EXPECT_LT(relative_difference(of_rows(beta), expected.beta), 2e-6);
    at::Tensor after = history.clone();
    after.index_copy_(0, index(kSlotsOfRows), conv_state_after(chosen, config, one_each, past));
    EXPECT_TRUE(device_history.cpu().equal(after));
  }
}

TEST_P(DecodeBlocks, WriteHeadsIsTheOperationAndFillsTheCache) {
  for (const bool is_qwen : {true, false}) {
    const AttentionLayout layout{.heads = 6, .kv_heads = 2, .head_dim = 20, .has_gate = is_qwen};
    const std::int64_t max_tokens = 9, rows = 4;
    const std::vector<std::int64_t> at_row = {3, 0, 8, 1};
    const auto weight = [] { return Weight{.value = at::randn({20}), .gradient = {}}; };
    std::optional<HeadNorms> norms;
    if (is_qwen)
      norms = HeadNorms{.query = weight(), .key = weight(), .style = {.zero_centred = true}};
    const RopeTables rope{.cos = at::randn({max_tokens, 4}), .sin = at::randn({max_tokens, 4})};
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const at::Tensor projection = at::randn({rows, layout.columns()}).to(type);
      const at::Tensor position = index(at_row);
      const AttentionInputs expected =
          composite::attention_inputs(projection, layout, norms,
                                      {.cos = at::index_select(rope.cos, 0, position),
                                       .sin = at::index_select(rope.sin, 0, position)});
      const at::Tensor slots = ints(kSlots), positions = here(position.to(at::kInt));
      const at::Tensor device_projection = here(projection);
      const at::Tensor cos = here(rope.cos), sin = here(rope.sin);
      const at::Tensor q = here(at::zeros({rows, 6, 20}, type));
      const at::Tensor keys = here(at::zeros({5, max_tokens, 2, 20}, type));
      const at::Tensor values = here(at::zeros({5, max_tokens, 2, 20}, type));
      HeadNorms device_norms;
      if (norms)
        device_norms = {.query = {.value = here(norms->query.value), .gradient = {}},
                        .key = {.value = here(norms->key.value), .gradient = {}},
                        .style = norms->style};
      with_row_type(projection, [&]<class T>(T) {
        cuda::WriteHeads<T> kernel{.heads = layout.heads,
                                   .kv_heads = layout.kv_heads,
                                   .head_dim = layout.head_dim,
                                   .query_stride = is_qwen ? 40 : 20,
                                   .rotary_dims = 8,
                                   .has_norms = is_qwen,
                                   .query_norm = {},
                                   .key_norm = {},
                                   .cos = data<float>(cos),
                                   .sin = data<float>(sin),
                                   .max_tokens = max_tokens,
                                   .slots = data_of(slots),
                                   .positions = data_of(positions),
                                   .projection = data<T>(device_projection),
                                   .stride = device_projection.stride(0),
                                   .q = mutable_data<T>(q),
                                   .keys = mutable_data<T>(keys),
                                   .values = mutable_data<T>(values)};
        if (norms) {
          kernel.query_norm = kernel_norm(device_norms.query, device_norms.style, 20);
          kernel.key_norm = kernel_norm(device_norms.key, device_norms.style, 20);
        }
        run_blocks(kernel, rows * kernel.items(), q);
      });
      const double near = type == at::kFloat ? 2e-6 : 8e-3;
      at::Tensor q_expected = expected.q.clone();
      q_expected[1].zero_();
      EXPECT_LT(relative_difference(q, q_expected), near);
      at::Tensor all_keys = at::zeros({5, max_tokens, 2, 20});
      at::Tensor all_values = at::zeros({5, max_tokens, 2, 20});
      for (std::size_t i = 0; i < kRows.size(); ++i) {
        all_keys[kSlotsOfRows[i]][at_row[kRows[i]]].copy_(expected.k[kRows[i]]);
        all_values[kSlotsOfRows[i]][at_row[kRows[i]]].copy_(expected.v[kRows[i]]);
      }
      EXPECT_LT(relative_difference(keys, all_keys), near);
      EXPECT_EQ(max_difference(values, all_values), 0.0);
    }
  }
}

TEST_P(DecodeBlocks, BeginStepPlacesEveryRow) {
  const std::int64_t max_tokens = 6;
  std::array<cuda::SlotState, 5> states = {};
  states[4] = {.status = cuda::SlotStatus::kWriting, .length = 3, .next = 17};
  states[0] = {.status = cuda::SlotStatus::kEnded, .length = 2, .next = 8};
  states[1] = {.status = cuda::SlotStatus::kFull, .length = 6, .next = 9};
  const at::Tensor device_states = here(at::empty({5, cuda::kSlotInts}, at::kInt));
  const at::Tensor host = at::empty({5, cuda::kSlotInts}, at::kInt);
  std::memcpy(host.mutable_data_ptr(), states.data(), sizeof states);
  at::Tensor to = device_states;
  to.copy_(host);
  const at::Tensor slots = ints(kSlots), positions = ints({7, 7, 7, 7}),
                   key_count = ints({7, 7, 7, 7});
  const at::Tensor key_begin = ints({7, 7, 7, 7, 7});
  const at::Tensor tokens = here(at::full({4}, 7, at::kLong));
  run_blocks(cuda::BeginStep{.rows = 4,
                             .max_tokens = max_tokens,
                             .slots = data_of(slots),
                             .states = reinterpret_cast<cuda::SlotState*>(
                                 device_states.mutable_data_ptr<std::int32_t>()),
                             .tokens = tokens.mutable_data_ptr<std::int64_t>(),
                             .positions = positions.mutable_data_ptr<std::int32_t>(),
                             .key_begin = key_begin.mutable_data_ptr<std::int32_t>(),
                             .key_count = key_count.mutable_data_ptr<std::int32_t>()},
             cuda::BeginStep::blocks(4), slots);
  EXPECT_TRUE(tokens.cpu().equal(at::tensor({17, 0, 8, 9}, at::kLong)));
  EXPECT_TRUE(positions.cpu().equal(at::tensor({3, 0, 2, 5}, at::kInt)));
  EXPECT_TRUE(key_begin.cpu().equal(at::tensor({24, 0, 0, 6, 0}, at::kInt)));
  EXPECT_TRUE(key_count.cpu().equal(at::tensor({4, 1, 3, 6}, at::kInt)));
  std::memcpy(states.data(), device_states.cpu().const_data_ptr(), sizeof states);
  EXPECT_EQ(states[4].length, 4);
  EXPECT_EQ(states[0].length, 2) << "an ended sequence does not grow";
}

/// Draws until every sequence has `tokens`. @return [sequences, ring, 3] records
at::Tensor draw_all(cuda::DrawRules rules, const at::Tensor& logits, std::int64_t tokens) {
  const std::int64_t rows = logits.size(1);
  const at::Device device = logits.device();
  const at::Tensor slots = at::arange(rows, at::kInt).to(device);
  const at::Tensor seen = at::zeros({rows, rules.seen_words()}, slots.options());
  const at::Tensor counts = at::zeros({rows, rules.width}, slots.options());
  const at::Tensor records = at::zeros({rows, tokens, cuda::kRecordInts}, slots.options());
  std::vector<cuda::SlotState> states;
  for (std::uint32_t i = 0; i < rows; ++i)
    states.push_back({.status = cuda::SlotStatus::kWriting, .prompt_hash = i});
  const at::Tensor state_ints = at::empty({rows, cuda::kSlotInts}, at::kInt);
  std::memcpy(state_ints.mutable_data_ptr(), states.data(), states.size() * sizeof states[0]);
  const at::Tensor device_states = state_ints.to(device);
  for (std::int64_t i = 0; i < tokens; ++i) {
    const at::Tensor step = logits[i].contiguous();
    run_blocks(
        cuda::DrawToken{
            .rules = rules,
            .logits = data<float>(step),
            .slots = data_of(slots),
            .states =
                reinterpret_cast<cuda::SlotState*>(device_states.mutable_data_ptr<std::int32_t>()),
            .seen = reinterpret_cast<std::uint32_t*>(seen.mutable_data_ptr<std::int32_t>()),
            .counts = rules.counts_output() ? counts.mutable_data_ptr<std::int32_t>() : nullptr,
            .records =
                reinterpret_cast<cuda::TokenRecord*>(records.mutable_data_ptr<std::int32_t>()),
            .ring = static_cast<std::int32_t>(tokens)},
        rows, logits);
  }
  return records.cpu();
}

TEST_P(DecodeBlocks, DrawsTheSameTokensAsOnTheCpu) {
  const std::int64_t width = 700, rows = 8, tokens = 4;
  for (const double spread : {0.1, 3.0}) {
    const at::Tensor logits = at::randn({tokens, rows, width}).mul(16 * spread).round().div(16);
    for (const std::int32_t top_k : {0, 20, 400}) {
      for (const double top_p : {1.0, 0.9}) {
        for (const double temperature : {0.0, 0.8}) {
          const cuda::DrawRules rules{.temperature = temperature,
                                      .top_p = top_p,
                                      .min_p = top_k == 0 ? 0.0 : 0.02,
                                      .top_k = top_k,
                                      .repetition_penalty = top_k == 20 ? 1.1F : 1.0F,
                                      .presence_penalty = top_k == 20 ? 0.0 : 0.4,
                                      .frequency_penalty = top_k == 20 ? 0.0 : 0.2,
                                      .min_new_tokens = 0,
                                      .max_new_tokens = 1000,
                                      .width = width,
                                      .vocabulary = width - 10,
                                      .stop_tokens = nullptr,
                                      .stop_count = 0,
                                      .stops_end = false};
          const at::Tensor expected = draw_all(rules, logits, tokens);
          const at::Tensor drawn = draw_all(rules, here(logits), tokens);
          EXPECT_TRUE(drawn.select(2, 0).equal(expected.select(2, 0)));
          const auto logprobs = [](const at::Tensor& records) {
            return records.narrow(2, 1, 2).contiguous().view(at::kFloat);
          };
          EXPECT_LT(max_difference(logprobs(drawn), logprobs(expected)), 1e-5);
        }
      }
    }
  }
}

}  // namespace
}  // namespace polaris::nn
