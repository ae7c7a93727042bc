#include "weights/model_folder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/temp_folder.h"
#include "weights/checkpoint_testing.h"

namespace polaris {
namespace {

const std::vector<std::string> kModels = {
    "qwen3_5_tiny", "qwen3_5_tiny_gva3", "qwen3_5_tiny_tied", "qwen3_5_tiny_vl",
    "llama3_tiny",  "qwen3_tiny",        "mistral_tiny"};

TEST(ModelFolder, FindsEveryTensorOfTheGoldenModelsAndCountsThem) {
  for (const std::string& name : kModels) {
    SCOPED_TRACE(name);
    const ModelFolder model(std::string(POLARIS_GOLDEN_DIR) + "/" + name);
    const auto expected = expected_tensors(model.config());
    ASSERT_EQ(model.tensors().size(), expected.size());
    std::int64_t elements = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(model.tensors()[i].name, expected[i].name);
      const StoredTensor& stored = *model.tensors()[i].stored;
      EXPECT_EQ(stored.spec.shape, expected[i].shape);
      EXPECT_EQ(model.ours(stored.spec.name), expected[i].name);
      elements += static_cast<std::int64_t>(stored.bytes.size() / weight_bytes(stored.spec.dtype));
    }
    EXPECT_EQ(elements, parameter_count(model.config()));
    // Only the vision-language layout holds tensors that are not ours.
    const std::size_t foreign = model.weights().tensor_count() - expected.size();
    EXPECT_EQ(foreign, name == "qwen3_5_tiny_vl" ? 36U : 0U);
  }
  EXPECT_EQ(parameter_count(ModelFolder(POLARIS_GOLDEN_DIR "/qwen3_5_tiny").config()), 224'968);
}

TEST(ModelFolder, LeavesVisionAndMtpTensorsForeign) {
  const ModelFolder model(POLARIS_GOLDEN_DIR "/qwen3_5_tiny_vl");
  EXPECT_EQ(model.names().prefix(), "model.language_model.");
  EXPECT_EQ(model.ours("model.visual.pos_embed.weight"), std::nullopt);
  EXPECT_EQ(model.ours("mtp.fc.weight"), std::nullopt);
  EXPECT_EQ(model.ours("lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(model.config_json().at("image_token_id"), 300);
}

/// A copy of a golden model to spoil.
class SpoiltModel : public testing::Test {
 protected:
  void copy(const std::string& name) { copy_golden_model(name, folder.path()); }
  std::string error() {
    return error_of([&] { ModelFolder model(folder.path()); });
  }
  void edit(const std::function<void(std::vector<LooseTensor>&)>& change) {
    edit_tensors(folder / "model.safetensors", change);
  }
  static LooseTensor& named(std::vector<LooseTensor>& tensors, const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const LooseTensor& t) { return t.spec.name == name; });
  }
  static void drop(std::vector<LooseTensor>& tensors, const std::string& name) {
    std::erase_if(tensors, [&](const LooseTensor& t) { return t.spec.name == name; });
  }
  TempFolder folder;
};

TEST_F(SpoiltModel, NamesAMissingTensor) {
  copy("llama3_tiny");
  edit([](auto& tensors) { drop(tensors, "model.layers.2.mlp.up_proj.weight"); });
  EXPECT_EQ(error(), folder.path().string() +
                         ": tensor \"model.layers.2.mlp.up_proj.weight\" of shape [128, 64] is "
                         "missing; config.json asks for it");
}

TEST_F(SpoiltModel, NamesATensorOfAnotherShape) {
  copy("llama3_tiny");
  edit([](auto& tensors) { named(tensors, "model.norm.weight").spec.shape = {8, 8}; });
  EXPECT_EQ(error(),
            (folder / "model.safetensors").string() +
                ": tensor \"model.norm.weight\" has the shape [8, 8]; config.json asks for "
                "[64]");
}

TEST_F(SpoiltModel, NamesATensorOfATypeThatHoldsNoWeights) {
  copy("llama3_tiny");
  edit([](auto& tensors) { named(tensors, "model.norm.weight").spec.dtype = Dtype::kI32; });
  EXPECT_EQ(error(), (folder / "model.safetensors").string() +
                         ": tensor \"model.norm.weight\" is I32; F32, BF16 or F16 is needed");
}

TEST_F(SpoiltModel, RefusesTensorsInsideOurLayersThatItWouldIgnore) {
  copy("llama3_tiny");
  edit([](auto& tensors) {
    tensors.push_back({{"model.layers.0.self_attn.rotary_emb.inv_freq", Dtype::kF32, {1}},
                       std::vector<std::byte>(4)});
    tensors.push_back({{"extra.weight", Dtype::kI64, {1}}, std::vector<std::byte>(8)});
  });
  EXPECT_EQ(error(), "no error");
  edit([](auto& tensors) {
    tensors.push_back(
        {{"model.layers.0.self_attn.q_proj.bias", Dtype::kF32, {64}}, std::vector<std::byte>(256)});
  });
  EXPECT_NE(
      error().find("tensor \"model.layers.0.self_attn.q_proj.bias\" is not part of the model"),
      std::string::npos);
}

TEST_F(SpoiltModel, WithoutItsHeadIsRefusedUnlessTyingIsPossible) {
  copy("llama3_tiny");
  edit([](auto& tensors) { drop(tensors, "lm_head.weight"); });
  EXPECT_NE(error().find("\"lm_head.weight\" of shape [320, 64] is missing"), std::string::npos);
  edit_json(folder / "config.json", [](Json& json) { json.erase("tie_word_embeddings"); });
  EXPECT_TRUE(ModelFolder(folder.path()).config().tie_word_embeddings);
}

TEST_F(SpoiltModel, UsesAHeadOfItsOwnThoughTheFileSaysTied) {
  copy("qwen3_tiny");
  LooseTensor head;
  edit([&](auto& tensors) {
    head = named(tensors, "model.embed_tokens.weight");
    head.spec.name = "lm_head.weight";
    tensors.push_back(head);
  });
  const ModelFolder copied(folder.path());  // the same numbers twice: still tied
  EXPECT_TRUE(copied.config().tie_word_embeddings);
  EXPECT_EQ(copied.ours("lm_head.weight"), "embed_tokens.weight");
  edit([](auto& tensors) { named(tensors, "lm_head.weight").bytes[0] ^= std::byte{1}; });
  const ModelFolder own(folder.path());
  EXPECT_FALSE(own.config().tie_word_embeddings);
  EXPECT_EQ(own.ours("lm_head.weight"), "lm_head.weight");
}

TEST_F(SpoiltModel, StaysValidWhenMoved) {
  copy("llama3_tiny");
  ModelFolder first(folder.path());
  const ModelFolder second = std::move(first);
  EXPECT_EQ(second.tensors()[0].stored->spec.name, "model.embed_tokens.weight");
  EXPECT_EQ(second.tensors()[0].stored->bytes.size(), 320U * 64 * 4);
}

}  // namespace
}  // namespace polaris
