#include "weights/hf_checkpoint.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/temp_folder.h"
#include "weights/checkpoint_testing.h"
#include "weights/weight_names.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

LooseTensor tensor(const std::string& name) {
  return {{name, Dtype::kBF16, {2}}, std::vector<std::byte>(4)};
}

/// Two files, a and b, with an index.
class IndexedCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    save_tensors(folder / "one.safetensors", {tensor("a")});
    save_tensors(folder / "two.safetensors", {tensor("b")});
    write_index({{"a", "one.safetensors"}, {"b", "two.safetensors"}});
  }
  void write_index(const Json& map) {
    write_atomically(folder / kIndexFile, Json{{"weight_map", map}}.dump());
  }
  std::string error() {
    return error_of([&] { HfCheckpoint checkpoint(folder.path()); });
  }
  void expect_error(const std::string& file, const std::string& reason) {
    EXPECT_EQ(error(), (folder / file).string() + ": " + reason);
  }
  TempFolder folder;
};

TEST_F(IndexedCheckpoint, FindsTensorsInAllFiles) {
  const HfCheckpoint checkpoint(folder.path());
  EXPECT_EQ(checkpoint.tensor_count(), 2U);
  ASSERT_NE(checkpoint.find("b"), nullptr);
  EXPECT_EQ(checkpoint.file_of(*checkpoint.find("b")), folder / "two.safetensors");
  EXPECT_EQ(checkpoint.find("c"), nullptr);
}

TEST_F(IndexedCheckpoint, StaysValidWhenMoved) {
  HfCheckpoint first(folder.path());
  const HfCheckpoint second = std::move(first);
  EXPECT_EQ(second.find("a")->spec.name, "a");
}

TEST_F(IndexedCheckpoint, MayBeNamedByLinksAsInADownloadCache) {
  fs::rename(folder / "two.safetensors", folder / "blob");
  fs::create_symlink("blob", folder / "two.safetensors");
  EXPECT_EQ(error(), "no error");
}

TEST_F(IndexedCheckpoint, ReportsATensorThatItsFileDoesNotHold) {
  write_index({{"a", "one.safetensors"}, {"b", "two.safetensors"}, {"c", "two.safetensors"}});
  expect_error("two.safetensors",
               "tensor \"c\" is missing; model.safetensors.index.json maps it to this file");
}

TEST_F(IndexedCheckpoint, ReportsATensorThatTheIndexDoesNotList) {
  save_tensors(folder / "two.safetensors", {tensor("b"), tensor("c")});
  expect_error("two.safetensors",
               "tensor \"c\" is not mapped to this file by model.safetensors.index.json");
  write_index({{"a", "two.safetensors"}, {"b", "two.safetensors"}, {"c", "one.safetensors"}});
  EXPECT_NE(error().find("is not mapped to this file"), std::string::npos);
}

TEST_F(IndexedCheckpoint, ReportsATensorInTwoFiles) {
  save_tensors(folder / "two.safetensors", {tensor("a"), tensor("b")});
  expect_error("two.safetensors", "tensor \"a\" stands in another file as well");
}

TEST_F(IndexedCheckpoint, RefusesFilesOutsideTheFolder) {
  const TempFolder other;
  save_tensors(other / "x.safetensors", {tensor("b")});
  for (const std::string& name :
       {(other / "x.safetensors").string(), "../" + other.path().filename().string() + "/x",
        std::string(".."), std::string("."), std::string(), std::string("a\\b"),
        std::string("two.safetensors\0", 16)}) {
    write_index({{"a", "one.safetensors"}, {"b", name}});
    EXPECT_NE(error().find(std::string(kIndexFile) + ": tensor \"b\" is mapped to "),
              std::string::npos)
        << name;
  }
  write_index({{"a", 7}});
  EXPECT_NE(error().find("tensor \"a\" is mapped to 7"), std::string::npos);
}

TEST_F(IndexedCheckpoint, NamesTheFileThatCannotBeRead) {
  fs::remove(folder / "two.safetensors");
  EXPECT_NE(error().find((folder / "two.safetensors").string()), std::string::npos);
  fs::create_symlink("two.safetensors", folder / "two.safetensors");
  EXPECT_NE(error().find((folder / "two.safetensors").string()), std::string::npos);
  fs::remove(folder / "two.safetensors");
  fs::create_directory(folder / "two.safetensors");
  EXPECT_NE(error().find((folder / "two.safetensors").string()), std::string::npos);
}

TEST_F(IndexedCheckpoint, NamesAnIndexThatIsNone) {
  const std::string index = (folder / kIndexFile).string();
  for (const char* text : {"[]", "{}", "{\"weight_map\": []}", "{\"weight_map\": {}}", "{", ""}) {
    write_atomically(index, text);
    EXPECT_NE(error().find(index), std::string::npos) << text;
  }
  fs::remove(index);
  fs::create_symlink(std::string(kIndexFile), index);
  EXPECT_NE(error().find(index), std::string::npos);
}

TEST(SingleFileCheckpoint, IsModelSafetensorsOrTheOnlyOne) {
  const TempFolder folder;
  save_tensors(folder / "weights.safetensors", {tensor("a")});
  EXPECT_EQ(HfCheckpoint(folder.path()).shards()[0].path(), folder / "weights.safetensors");
  EXPECT_TRUE(HfCheckpoint(folder.path()).index().is_null());
  save_tensors(folder / "other.safetensors", {tensor("a")});
  EXPECT_NE(
      error_of([&] { HfCheckpoint checkpoint(folder.path()); }).find("2 *.safetensors and no"),
      std::string::npos);
  save_tensors(folder / "model.safetensors", {tensor("b")});
  EXPECT_NE(HfCheckpoint(folder.path()).find("b"), nullptr);
}

TEST(SingleFileCheckpoint, NamesAFolderWithoutWeights) {
  const TempFolder folder;
  for (const fs::path& path : {folder.path(), folder / "none"}) {
    EXPECT_NE(error_of([&] { HfCheckpoint checkpoint(path); }).find(path.string()),
              std::string::npos);
  }
}

TEST(WeightNames, KnowTheSpellingsOfPrefixes) {
  struct Case {
    std::string prefix, head;
  };
  for (const Case& c :
       {Case{"model.", "lm_head.weight"}, Case{"model.language_model.", "lm_head.weight"},
        Case{"language_model.model.", "language_model.lm_head.weight"},
        Case{"", "lm_head.weight"}}) {
    const TempFolder folder;
    save_tensors(folder / "model.safetensors", {tensor(c.prefix + "embed_tokens.weight")});
    const auto names = WeightNames::detect(HfCheckpoint(folder.path()));
    EXPECT_EQ(names.prefix(), c.prefix);
    EXPECT_EQ(names.in_file("layers.0.mlp.up_proj.weight"),
              c.prefix + "layers.0.mlp.up_proj.weight");
    EXPECT_EQ(names.in_file("lm_head.weight"), c.head);
    EXPECT_EQ(names.canonical(c.prefix + "norm.weight"), "norm.weight");
    EXPECT_EQ(names.canonical(c.head), "lm_head.weight");
  }
}

TEST(WeightNames, DoNotClaimForeignTensors) {
  const auto names = WeightNames::detect(HfCheckpoint(POLARIS_GOLDEN_DIR "/qwen3_5_tiny_vl"));
  EXPECT_EQ(names.canonical("model.visual.pos_embed.weight"), std::nullopt);
  EXPECT_EQ(names.canonical("mtp.norm.weight"), std::nullopt);
  EXPECT_EQ(WeightNames().canonical("model.lm_head.weight"), std::nullopt);
}

TEST(WeightNames, RefuseNoneAndTwoTextModels) {
  const TempFolder folder;
  const auto detect = [&](const std::vector<LooseTensor>& tensors) {
    save_tensors(folder / "model.safetensors", tensors);
    return error_of([&] { WeightNames::detect(HfCheckpoint(folder.path())); });
  };
  EXPECT_NE(detect({tensor("bert.embeddings")}).find("is this a text model?"), std::string::npos);
  EXPECT_NE(detect({tensor("model.embed_tokens.weight"), tensor("embed_tokens.weight")})
                .find("one text model is needed"),
            std::string::npos);
}

}  // namespace
}  // namespace polaris
