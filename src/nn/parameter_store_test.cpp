#include "nn/internal/parameter_store.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/temp_folder.h"
#include "nn/kernels/split_float.h"
#include "weights/expected_tensors.h"

namespace polaris::nn {
namespace {

namespace fs = std::filesystem;

const fs::path kTiny = fs::path(POLARIS_GOLDEN_DIR) / "qwen3_5_tiny";

TEST(ParameterLayout, HoldsEveryTensorOnceInLayerOrder) {
  const ModelConfig config = read_model_config(kTiny);
  const ParameterLayout layout(config);
  const auto expected = expected_tensors(config);
  ASSERT_EQ(layout.parameters().size(), expected.size());
  std::int64_t end = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Parameter& parameter = layout.parameters()[i];
    EXPECT_EQ(parameter.name, expected[i].name);
    EXPECT_EQ(parameter.shape, expected[i].shape);
    EXPECT_GE(parameter.range.begin, end);
    EXPECT_LT(parameter.range.begin, end + ParameterLayout::kAlignment);
    end = parameter.range.end();
  }
  EXPECT_GE(layout.size(), end);
  EXPECT_EQ(layout.size() % ParameterLayout::kAlignment, 0);
}

TEST(ParameterLayout, ProjectionsOfOneInputAreOneMatrix) {
  const ParameterLayout layout(read_model_config(kTiny));
  const auto follows = [&](const std::string& first, const std::string& second) {
    return layout.at(first).range.end() == layout.at(second).range.begin;
  };
  EXPECT_TRUE(
      follows("layers.0.linear_attn.in_proj_qkv.weight", "layers.0.linear_attn.in_proj_z.weight"));
  EXPECT_TRUE(
      follows("layers.0.linear_attn.in_proj_z.weight", "layers.0.linear_attn.in_proj_b.weight"));
  EXPECT_TRUE(follows("layers.3.self_attn.q_proj.weight", "layers.3.self_attn.k_proj.weight"));
  EXPECT_TRUE(follows("layers.3.self_attn.k_proj.weight", "layers.3.self_attn.v_proj.weight"));
  EXPECT_TRUE(follows("layers.1.mlp.gate_proj.weight", "layers.1.mlp.up_proj.weight"));
  EXPECT_THROW(layout.at("layers.9.mlp.gate_proj.weight"), Error);
}

TEST(ParameterStore, JoinedProjectionsAreTheirPartsBelowEachOther) {
  const ModelFolder folder(kTiny);
  ParameterStore store(ParameterLayout(folder.config()), {.gradients = true});
  load_weights(store, folder);
  const std::string p = "layers.3.self_attn.";
  const Weight joined = store.joined(p + "q_proj.weight", p + "v_proj.weight");
  const at::Tensor parts =
      at::cat({store.weight(p + "q_proj.weight").value, store.weight(p + "k_proj.weight").value,
               store.weight(p + "v_proj.weight").value});
  EXPECT_TRUE(joined.value.equal(parts));
  joined.gradient.fill_(2.0);
  EXPECT_EQ(store.weight(p + "k_proj.weight").gradient.min().item<float>(), 2.0F);
  EXPECT_EQ(store.weight(p + "o_proj.weight").gradient.max().item<float>(), 0.0F);
  store.zero_gradient();
  EXPECT_EQ(joined.gradient.abs().max().item<float>(), 0.0F);
}

/// What the master of a whole store holds, tensor after tensor.
std::vector<std::vector<float>> masters(const ParameterStore& store) {
  std::vector<std::vector<float>> all;
  for (const Parameter& parameter : store.layout().parameters()) {
    all.emplace_back(parameter.range.count);
    store.read(parameter, 0, all.back());
  }
  return all;
}

TEST(ParameterStore, SplitMasterKeepsEveryBit) {
  const ModelFolder folder(kTiny);
  ParameterStore exact(ParameterLayout(folder.config()), {});
  ParameterStore split(ParameterLayout(folder.config()),
                       {.compute = at::kBFloat16, .split_master = true});
  load_weights(exact, folder);
  load_weights(split, folder);
  EXPECT_EQ(masters(exact), masters(split));

  // Matrices are read rounded, vectors as they are.
  const std::string matrix = "layers.0.mlp.up_proj.weight", vector = "layers.0.linear_attn.dt_bias";
  EXPECT_EQ(split.weight(matrix).value.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(split.weight(vector).value.equal(exact.weight(vector).value));
  const at::Tensor rounded = split.weight(matrix).value.to(at::kFloat);
  const at::Tensor difference = rounded - exact.weight(matrix).value;
  EXPECT_GT(difference.abs().max().item<float>(), 0.0F);
  EXPECT_LT((difference / exact.weight(matrix).value).abs().max().item<float>(), 1.0F / 256);
}

TEST(ParameterStore, BfloatWithoutMasterReadsVectorsExactly) {
  const ModelFolder folder(kTiny);
  ParameterStore exact(ParameterLayout(folder.config()), {});
  ParameterStore inference(ParameterLayout(folder.config()), {.compute = at::kBFloat16});
  load_weights(exact, folder);
  load_weights(inference, folder);
  const std::string norm = "layers.2.input_layernorm.weight";
  EXPECT_TRUE(inference.weight(norm).value.equal(exact.weight(norm).value));
}

TEST(ParameterStore, NamesTheFirstWeightThatIsNotANumber) {
  const TempFolder temp;
  fs::copy(kTiny, temp.path() / "model");
  const fs::path file = temp.path() / "model" / "model.safetensors";
  const SafetensorsFile content(file);
  const StoredTensor* tensor = content.find("model.layers.1.mlp.down_proj.weight");
  ASSERT_NE(tensor, nullptr);
  const auto data_start = fs::file_size(file) - [&] {
    std::uint64_t bytes = 0;
    for (const StoredTensor& each : content.tensors()) bytes += each.bytes.size();
    return bytes;
  }();
  const auto offset = tensor->bytes.data() - content.tensors().front().bytes.data();
  {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(data_start) + offset + 4 * 17);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    out.write(reinterpret_cast<const char*>(&nan), 4);
  }
  const ModelFolder folder(temp.path() / "model");
  ParameterStore store(ParameterLayout(folder.config()), {});
  try {
    load_weights(store, folder);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("layers.1.mlp.down_proj.weight: element 17 is nan"),
              std::string::npos)
        << e.what();
  }
}

TEST(SplitFloat, IsExactForEveryBitPattern) {
  std::mt19937 random(5);
  for (int i = 0; i < 1'000'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    const float value = std::bit_cast<float>(bits);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(kernels::join(kernels::split(value))), bits);
  }
  for (const std::uint32_t bits : {0x7f7fffffU, 0x7f800000U, 0x7f800001U, 0xffffffffU, 0x80000000U})
    EXPECT_EQ(
        std::bit_cast<std::uint32_t>(kernels::join(kernels::split(std::bit_cast<float>(bits)))),
        bits);
}

}  // namespace
}  // namespace polaris::nn
