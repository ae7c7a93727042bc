#include "weights/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "base/faulty_file_system.h"
#include "base/temp_folder.h"
#include "weights/checkpoint_testing.h"
#include "weights/small_files.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const std::string kGolden = POLARIS_GOLDEN_DIR;

std::string text_of(const fs::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

/// Every value of every tensor is a function of its name and index.
void fill_by_name(std::string_view name, Dtype dtype, std::uint64_t first,
                  std::span<std::byte> piece) {
  std::vector<float> values(piece.size() / weight_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>((first + i + name.size()) % 251);
  convert(std::as_bytes(std::span(values)), Dtype::kF32, piece, dtype);
}

TEST(PlanShards, FillsFilesInOrderAndSortsInside) {
  const std::vector<TensorSpec> specs = {{"b", Dtype::kBF16, {4}},
                                         {"c", Dtype::kF32, {1}},
                                         {"a", Dtype::kBF16, {4}},
                                         {"big", Dtype::kF32, {100}},
                                         {"d", Dtype::kBF16, {1}}};
  const auto plans = plan_shards(specs, 20);
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_EQ(plans[0].file_name, "model-00001-of-00003.safetensors");
  EXPECT_EQ(plans[0].tensors, (std::vector{specs[1], specs[2], specs[0]}));
  EXPECT_EQ(plans[1].tensors, (std::vector{specs[3]}));
  EXPECT_EQ(plans[2].tensors, (std::vector{specs[4]}));
  EXPECT_EQ(plan_shards(specs, 1000).at(0).file_name, "model.safetensors");
}

TEST(WriteCheckpoint, IsOpenedAgainWithTheSameConfigAndValues) {
  const TempFolder folder;
  const ModelConfig config = read_model_config(kGolden + "/qwen3_5_tiny/config.json");
  write_checkpoint(folder / "m", config, Dtype::kBF16, fill_by_name, 100'000);
  const ModelFolder model(folder / "m");
  EXPECT_EQ(model.config().layers, config.layers);
  EXPECT_EQ(model.config().dtype, Dtype::kBF16);
  EXPECT_GT(model.weights().shards().size(), 3U);
  std::uint64_t total = 0;
  for (const ModelTensor& tensor : model.tensors()) {
    const StoredTensor& stored = *tensor.stored;
    EXPECT_EQ(stored.spec.dtype, stored_dtype(tensor.name, Dtype::kBF16));
    std::vector<std::byte> expected(stored.bytes.size());
    fill_by_name(tensor.name, stored.spec.dtype, 0, expected);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), stored.bytes.begin())) << tensor.name;
    total += stored.bytes.size();
  }
  EXPECT_EQ(model.weights().index().at("metadata").at("total_size"), total);
}

TEST(WriteCheckpoint, AsksForLargeTensorsInPiecesAndHoldsNoMore) {
  const TempFolder folder;
  ModelConfig config = read_model_config(kGolden + "/qwen3_tiny/config.json");
  config.vocab_size = 70'000;  // an embedding of 17.9 MB in float32
  std::map<std::string, std::uint64_t> next;
  std::size_t largest = 0;
  write_checkpoint(folder / "m", config, Dtype::kF32,
                   [&](std::string_view name, Dtype dtype, std::uint64_t first, auto piece) {
                     EXPECT_EQ(first, next[std::string(name)]);
                     next[std::string(name)] += piece.size() / weight_bytes(dtype);
                     largest = std::max(largest, piece.size());
                     fill_by_name(name, dtype, first, piece);
                   });
  EXPECT_EQ(largest, kMaxPieceBytes);
  EXPECT_EQ(next["embed_tokens.weight"], 70'000U * 64);
  EXPECT_EQ(names_in(folder / "m"), (std::set<std::string>{"config.json", "model.safetensors"}));
}

TEST(WriteCheckpoint, RefusesAFolderThatHoldsWeights) {
  const TempFolder folder;
  copy_golden_model("qwen3_tiny", folder / "m");
  const std::string before = text_of(folder / "m" / "model.safetensors");
  const ModelFolder source(folder / "m");
  EXPECT_NE(error_of([&] {
              write_checkpoint(folder / "m", source.config(), Dtype::kF32, fill_by_name);
            }).find("give a new or empty folder"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              rewrite_checkpoint(source, folder / "m", std::nullopt, values_of(source));
            }).find("give a new or empty folder"),
            std::string::npos);
  EXPECT_EQ(text_of(folder / "m" / "model.safetensors"), before);
}

// Same files, names, types and order: with the same values, the same bytes.
TEST(RewriteCheckpoint, WithItsOwnValuesGivesTheSameFiles) {
  for (const char* name : {"qwen3_5_tiny", "qwen3_5_tiny_gva3", "qwen3_5_tiny_tied",
                           "qwen3_5_tiny_vl", "llama3_tiny", "qwen3_tiny", "mistral_tiny"}) {
    SCOPED_TRACE(name);
    const TempFolder folder;
    copy_golden_model(name, folder / "source");
    const ModelFolder source(folder / "source");
    rewrite_checkpoint(source, folder / "copy", std::nullopt, values_of(source));
    ASSERT_EQ(names_in(folder / "copy"), names_in(folder / "source"));
    for (const std::string& file : names_in(folder / "source")) {
      if (file == kIndexFile) {  // formatted in our way
        EXPECT_EQ(read_json_file(folder / "copy" / file), read_json_file(folder / "source" / file));
      } else {
        EXPECT_EQ(text_of(folder / "copy" / file), text_of(folder / "source" / file)) << file;
      }
    }
  }
}

TEST(RewriteCheckpoint, KeepsForeignTensorsAndReplacesOurs) {
  const TempFolder folder;
  const ModelFolder source(kGolden + "/qwen3_5_tiny_vl");
  rewrite_checkpoint(source, folder / "new", std::nullopt, fill_by_name);
  const ModelFolder result(folder / "new");
  std::size_t foreign = 0;
  for (const SafetensorsFile& shard : source.weights().shards()) {
    for (const StoredTensor& before : shard.tensors()) {
      const StoredTensor* after = result.weights().find(before.spec.name);
      ASSERT_NE(after, nullptr);
      EXPECT_EQ(after->spec, before.spec);
      const bool same = std::equal(before.bytes.begin(), before.bytes.end(), after->bytes.begin());
      const bool ours = source.ours(before.spec.name).has_value();
      EXPECT_EQ(same, !ours) << before.spec.name;
      foreign += ours ? 0 : 1;
    }
  }
  EXPECT_EQ(foreign, 36U);
  EXPECT_EQ(result.config(), source.config());
}

TEST(RewriteCheckpoint, ChangesTheTypesOfOurTensorsOnly) {
  const TempFolder folder;
  const ModelFolder source(kGolden + "/qwen3_5_tiny_vl");
  rewrite_checkpoint(source, folder / "f32", Dtype::kF32, values_of(source));
  const ModelFolder wide(folder / "f32");
  EXPECT_EQ(wide.weights().find("model.visual.pos_embed.weight")->spec.dtype, Dtype::kBF16);
  EXPECT_EQ(wide.config_json().at("text_config").at("dtype"), "float32");
  EXPECT_EQ(wide.config_json().at("vision_config").at("dtype"), "bfloat16");
  EXPECT_EQ(wide.config().dtype, Dtype::kF32);
  for (const ModelTensor& tensor : wide.tensors())
    EXPECT_EQ(tensor.stored->spec.dtype, Dtype::kF32) << tensor.name;

  // bfloat16 numbers survive the way through float32, so the way back gives the source.
  rewrite_checkpoint(wide, folder / "bf16", Dtype::kBF16, values_of(wide));
  const HfCheckpoint back(folder / "bf16");
  for (const SafetensorsFile& shard : source.weights().shards()) {
    for (const StoredTensor& before : shard.tensors()) {
      const StoredTensor* after = back.find(before.spec.name);
      EXPECT_EQ(after->spec, before.spec);
      EXPECT_TRUE(std::equal(before.bytes.begin(), before.bytes.end(), after->bytes.begin()));
    }
  }
}

TEST(RewriteCheckpoint, WritesACopiedHeadFromTheEmbedding) {
  const TempFolder folder;
  copy_golden_model("qwen3_tiny", folder / "tied");
  edit_tensors(folder / "tied" / "model.safetensors", [](std::vector<LooseTensor>& tensors) {
    LooseTensor head = tensors.front();
    ASSERT_EQ(head.spec.name, "model.embed_tokens.weight");
    head.spec.name = "lm_head.weight";
    tensors.push_back(head);
  });
  const ModelFolder source(folder / "tied");
  rewrite_checkpoint(source, folder / "new", std::nullopt, fill_by_name);
  EXPECT_TRUE(ModelFolder(folder / "new").config().tie_word_embeddings);
  const HfCheckpoint written(folder / "new");
  const auto head = written.find("lm_head.weight")->bytes;
  EXPECT_TRUE(std::equal(head.begin(), head.end(),
                         written.find("model.embed_tokens.weight")->bytes.begin()));
}

TEST(RewriteCheckpoint, SaysUntiedWhereTheHeadHasValuesOfItsOwn) {
  const TempFolder folder;
  copy_golden_model("qwen3_tiny", folder / "source");
  edit_tensors(folder / "source" / "model.safetensors", [](std::vector<LooseTensor>& tensors) {
    LooseTensor head = tensors.front();
    head.spec.name = "lm_head.weight";
    head.bytes[0] ^= std::byte{1};
    tensors.push_back(head);
  });
  const ModelFolder source(folder / "source");
  rewrite_checkpoint(source, folder / "new", std::nullopt, values_of(source));
  EXPECT_EQ(read_json_file(folder / "new" / "config.json").at("tie_word_embeddings"), false);
}

TEST(RewriteCheckpoint, ThatIsInterruptedIsNoModel) {
  const ModelFolder source(kGolden + "/qwen3_tiny");
  const auto rounds = for_every_fault(
      [](const fs::path&) {},
      [&](const fs::path& folder, FileSystem& files) {
        rewrite_checkpoint(source, folder / "copy", std::nullopt, values_of(source), files);
      },
      [&](const fs::path& folder, const Aftermath& aftermath) {
        SCOPED_TRACE(aftermath.description);
        const bool is_model = fs::exists(folder / "copy" / "config.json");
        ASSERT_GE(is_model, aftermath.finished);
        if (!is_model) return;
        ASSERT_NO_THROW(ModelFolder(folder / "copy"));
        for (const char* file : {"config.json", "model.safetensors", "config.legacy.json"})
          ASSERT_EQ(text_of(folder / "copy" / file), text_of(source.path() / file)) << file;
      });
  EXPECT_GT(rounds, 100);
}

TEST(CopySmallFiles, TakesWhatBelongsToTheModelAndSaysWhatItLeaves) {
  const TempFolder folder;
  fs::create_directory(folder / "from");
  fs::create_directory(folder / "to");
  const auto from = folder / "from";
  for (const char* name : {"tokenizer.json", "chat_template.jinja", "LICENSE", "config.json",
                           "DONE", ".gitattributes", "pytorch_model.bin", "model.safetensors",
                           "m.gguf", "pytorch_model.bin.index.json", "empty.txt"})
    std::ofstream(from / name) << (std::string(name) == "empty.txt" ? "" : name);
  fs::create_directory(from / "onnx");
  fs::create_symlink("nowhere", from / "broken");
  fs::create_symlink("LICENSE", from / "COPYING");
  std::ofstream(from / "huge.json");
  fs::resize_file(from / "huge.json", (64U << 20) + 1);  // sparse

  EXPECT_EQ(copy_small_files(from, folder / "to"),
            (std::vector<std::string>{".gitattributes", "broken", "huge.json", "m.gguf",
                                      "model.safetensors", "onnx", "pytorch_model.bin",
                                      "pytorch_model.bin.index.json"}));
  EXPECT_EQ(names_in(folder / "to"),
            (std::set<std::string>{"COPYING", "LICENSE", "chat_template.jinja", "empty.txt",
                                   "tokenizer.json"}));
  EXPECT_EQ(text_of(folder / "to" / "COPYING"), "LICENSE");
}

}  // namespace
}  // namespace polaris
