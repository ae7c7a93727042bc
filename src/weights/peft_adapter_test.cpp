#include "weights/peft_adapter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/temp_folder.h"
#include "weights/checkpoint_testing.h"
#include "weights/lora_testing.h"
#include "weights/merged_checkpoint.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

fs::path golden_model(const std::string& name) { return fs::path(POLARIS_GOLDEN_DIR) / name; }

std::vector<std::string> names_in(const fs::path& file) {
  std::vector<std::string> names;
  for (const LooseTensor& tensor : load_tensors(file)) names.push_back(tensor.spec.name);
  return names;
}

TEST(LoraLayout, AllLinearIsEveryProjectionOfTheLayersAndNothingElse) {
  const ModelConfig config = read_model_config(golden_model("qwen3_5_tiny"));
  const LoraLayout layout = make_lora_layout(config, 8, 16, std::vector<std::string>{"all-linear"});
  EXPECT_EQ(layout.scale(), 2.0);
  for (const char* name :
       {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "in_proj_qkv",
        "in_proj_z", "in_proj_a", "in_proj_b", "out_proj"})
    EXPECT_EQ(std::ranges::count(layout.names, name), 1) << name;
  EXPECT_EQ(layout.names.size(), 12U);
  std::int64_t count = 0;
  for (const ExpectedTensor& tensor : layout.tensors()) count += tensor.shape[0] * tensor.shape[1];
  EXPECT_EQ(layout.parameter_count(), count);
}

// specs/performance.md D.5: rank 32 on Qwen3.5-9B.
TEST(LoraLayout, RankThirtyTwoOfTheNineBillionModelIsAsTheSpecificationCountsIt) {
  const ModelConfig config =
      read_model_config(POLARIS_SOURCE_DIR "/assets/architectures/qwen3.5-9b.json");
  const LoraLayout layout =
      make_lora_layout(config, 32, 64, std::vector<std::string>{"all-linear"});
  EXPECT_NEAR(static_cast<double>(layout.parameter_count()), 86.6e6, 0.05e6);
}

TEST(LoraLayout, NamesFitModulesAsPeftMatchesThem) {
  const ModelConfig config = read_model_config(golden_model("llama3_tiny"));
  const LoraLayout layout =
      make_lora_layout(config, 4, 4, std::vector<std::string>{"v_proj", "layers.1.mlp.up_proj"});
  std::vector<std::string> modules;
  for (const LoraTarget& target : layout.targets) modules.push_back(target.module);
  EXPECT_EQ(std::ranges::count(modules, "layers.1.mlp.up_proj"), 1);
  EXPECT_EQ(std::ranges::count(modules, "layers.0.mlp.up_proj"), 0);
  EXPECT_EQ(modules.size(), config.layers.size() + 1);

  const auto refusal = [&](const std::vector<std::string>& names) {
    return error_of([&] { make_lora_layout(config, 4, 4, names); });
  };
  EXPECT_NE(refusal({"in_proj_z"})
                .find("no module is called \"in_proj_z\"; the projections of "
                      "this model are q_proj, k_proj"),
            std::string::npos)
      << refusal({"in_proj_z"});
  EXPECT_NE(refusal({"proj"}).find("no module"), std::string::npos);  // only behind a dot
  EXPECT_NE(refusal({}).find("no target"), std::string::npos);
  EXPECT_NE(refusal({"lm_head"}).find("no module"), std::string::npos);
}

TEST(PeftAdapter, IsWrittenWithPeftsNamesAndReadBackExactly) {
  const TempFolder folder;
  const fs::path base = golden_model("llama3_tiny");
  const LoraLayout layout = write_made_up_adapter(base, folder / "adapter", {"q_proj", "up_proj"});
  const auto names = names_in(folder / "adapter/adapter_model.safetensors");
  EXPECT_EQ(
      std::ranges::count(names, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"),
      1);
  EXPECT_EQ(std::ranges::count(names, "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"),
            1);
  const Json config = read_json_file(folder / "adapter/adapter_config.json");
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["r"], 4);
  EXPECT_EQ(config["lora_alpha"].dump(), "8");
  EXPECT_EQ(config["target_modules"], (Json{"q_proj", "up_proj"}));
  EXPECT_EQ(config["base_model_name_or_path"], base.string());

  const PeftAdapter read(folder / "adapter", ModelFolder(base));
  EXPECT_EQ(read.layout().rank, layout.rank);
  EXPECT_EQ(read.layout().alpha, layout.alpha);
  EXPECT_EQ(read.layout().targets, layout.targets);
  for (const ExpectedTensor& tensor : layout.tensors()) {
    std::vector<float> values(7), expected(7);
    read.read(tensor.name, 3, values);
    made_up_values(tensor.name, 3, expected);
    EXPECT_EQ(values, expected) << tensor.name;
  }
}

TEST(PeftAdapter, FollowsTheNamesOfAModelThatSeesImages) {
  const TempFolder folder;
  write_made_up_adapter(golden_model("qwen3_5_tiny_vl"), folder / "adapter", {"q_proj"});
  for (const std::string& name : names_in(folder / "adapter/adapter_model.safetensors"))
    EXPECT_TRUE(name.starts_with("base_model.model.model.language_model.layers.")) << name;
  // And one that was trained on the text model alone belongs to it too.
  edit_tensors(folder / "adapter/adapter_model.safetensors", [](auto& tensors) {
    for (LooseTensor& tensor : tensors)
      tensor.spec.name.replace(tensor.spec.name.find("language_model."), 15, "");
  });
  const PeftAdapter read(folder / "adapter", ModelFolder(golden_model("qwen3_5_tiny_vl")));
  EXPECT_FALSE(read.layout().targets.empty());
}

class DamagedAdapter : public testing::Test {
 protected:
  DamagedAdapter() { write_made_up_adapter(base, adapter, {"q_proj", "down_proj"}); }

  std::string refusal(const std::string& other_base = "") const {
    const ModelFolder model(other_base.empty() ? base : golden_model(other_base));
    return error_of([&] { PeftAdapter(adapter, model); });
  }
  void expect_refusal(const std::string& part) const {
    EXPECT_NE(refusal().find(part), std::string::npos) << refusal();
    EXPECT_EQ(refusal().find('\n'), std::string::npos);
  }
  void set(const char* key, const Json& value) const {
    edit_json(adapter / "adapter_config.json", [&](Json& json) { json[key] = value; });
  }
  void edit(const std::function<void(std::vector<LooseTensor>&)>& change) const {
    edit_tensors(adapter / "adapter_model.safetensors", change);
  }

  TempFolder folder;
  fs::path base = golden_model("qwen3_tiny");
  fs::path adapter = folder / "adapter";
};

TEST_F(DamagedAdapter, VariantsThatComputeSomethingElseAreRefusedByTheirKey) {
  EXPECT_EQ(refusal(), "no error");
  for (const auto& [key, value, part] :
       {std::tuple{"use_dora", Json(true), "\"use_dora\" is true"},
        std::tuple{"rank_pattern", Json{{"q_proj", 8}}, "\"rank_pattern\" is an object"},
        std::tuple{"modules_to_save", Json{"lm_head"}, "\"modules_to_save\" is a list"},
        std::tuple{"bias", Json("all"), "\"bias\" is \"all\""},
        std::tuple{"peft_type", Json("IA3"), "\"peft_type\" is \"IA3\""},
        std::tuple{"r", Json(0), "a rank of 1"}, std::tuple{"r", Json(1e300), "a rank of 1"},
        std::tuple{"lora_alpha", Json(-1), "above 0"}}) {
    const Json before = read_json_file(adapter / "adapter_config.json").value(key, Json());
    set(key, value);
    expect_refusal(part);
    set(key, before);
  }
  write_atomically(adapter / "adapter_config.json", "[]");
  expect_refusal("\"peft_type\" is null");
  fs::remove(adapter / "adapter_config.json");
  expect_refusal("adapter_config.json");
}

TEST_F(DamagedAdapter, TensorsThatDoNotFitAreNamed) {
  set("r", 8);
  expect_refusal("this model and rank 8 need");
  set("r", 4);
  edit([](auto& tensors) { tensors.pop_back(); });
  expect_refusal("is missing");
}

TEST_F(DamagedAdapter, ATensorWithoutAPlaceIsNamed) {
  edit([](auto& tensors) {
    auto& name = tensors.front().spec.name;
    name.replace(name.find("layers."), 8, "layers.9");
  });
  expect_refusal("is missing");  // its other half stands alone now
  edit([](auto& tensors) { tensors.front().spec.name = "base_model.model.lm_head.lora_A.weight"; });
  expect_refusal("is no adapter of a layer's projection");
}

TEST_F(DamagedAdapter, AnotherModelIsRefusedByItsWeights) {
  copy_golden_model("qwen3_tiny", folder / "other");
  edit_tensors(folder / "other/model.safetensors",
               [](auto& tensors) { tensors.back().bytes.front() ^= std::byte{1}; });
  const std::string message =
      error_of([&] { PeftAdapter(adapter, ModelFolder(folder / "other")); });
  EXPECT_NE(message.find("trained on other weights"), std::string::npos) << message;
  EXPECT_NE(refusal("llama3_tiny"), "no error");
}

TEST_F(DamagedAdapter, AValueThatIsNotFiniteIsFoundWhereItIs) {
  edit([](auto& tensors) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(tensors.front().bytes.data() + 4, &nan, 4);
  });
  const PeftAdapter read(adapter, ModelFolder(base));
  const std::string message = error_of([&] {
    std::vector<float> values(4);
    for (const ExpectedTensor& tensor : read.layout().tensors()) read.read(tensor.name, 0, values);
  });
  EXPECT_NE(message.find("element 1 is nan"), std::string::npos) << message;
}

TEST(MergedCheckpoint, AddsTheProductOfBothHalvesAndCarriesTheRest) {
  const TempFolder folder;
  const fs::path base = golden_model("qwen3_5_tiny_vl");
  const LoraLayout layout =
      write_made_up_adapter(base, folder / "adapter", {"in_proj_qkv", "q_proj", "down_proj"});
  const ModelFolder model(base);
  const PeftAdapter adapter(folder / "adapter", model);
  TaskPool pool(2);
  std::uint64_t done = 0;
  write_merged_checkpoint(model, adapter, folder / "merged", pool,
                          [&](std::uint64_t bytes) { done = bytes; });
  EXPECT_EQ(done, 4U * static_cast<std::uint64_t>(parameter_count(model.config())));

  const ModelFolder merged(folder / "merged");
  std::size_t changed = 0;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const ModelTensor& tensor = merged.tensors()[i];
    ASSERT_EQ(tensor.stored->spec.dtype, Dtype::kF32);
    const std::size_t count = tensor.stored->bytes.size() / 4;
    std::vector<float> before(count), after(count);
    convert(model.tensors()[i].stored->bytes, model.tensors()[i].stored->spec.dtype,
            std::as_writable_bytes(std::span(before)), Dtype::kF32);
    convert(tensor.stored->bytes, Dtype::kF32, std::as_writable_bytes(std::span(after)),
            Dtype::kF32);
    const auto target = std::ranges::find(layout.targets, tensor.name, &LoraTarget::weight);
    if (target == layout.targets.end()) {
      EXPECT_EQ(before, after) << tensor.name;
      continue;
    }
    ++changed;
    std::vector<float> a(4 * target->in), b(4 * target->out);
    made_up_values(target->a(), 0, a);
    made_up_values(target->b(), 0, b);
    for (std::int64_t row = 0; row < target->out; ++row) {
      for (std::int64_t column = 0; column < target->in; ++column) {
        double sum = 0.0;
        for (std::int64_t k = 0; k < 4; ++k)
          sum += double{b[row * 4 + k]} * double{a[k * target->in + column]};
        const std::int64_t at = row * target->in + column;
        ASSERT_NEAR(after[at], before[at] + 2.0 * sum, 1e-6) << tensor.name << " " << at;
      }
    }
  }
  EXPECT_EQ(changed, layout.targets.size());
  EXPECT_EQ(merged.weights().tensor_count(), model.weights().tensor_count());  // the vision tower
  EXPECT_NE(error_of([&] {
              write_merged_checkpoint(model, adapter, folder / "merged", pool,
                                      [](std::uint64_t) {});
            }).find("already holds"),
            std::string::npos);
}

}  // namespace
}  // namespace polaris
