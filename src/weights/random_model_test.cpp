#include "weights/random_model.h"

#include <gtest/gtest.h>

#include "base/faulty_file_system.h"
#include "base/temp_folder.h"
#include "weights/checkpoint_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const std::string kGolden = POLARIS_GOLDEN_DIR;

class WriteRandomModel : public testing::Test {
 protected:
  void write(const RandomModel& random, const fs::path& to,
             FileSystem& files = real_file_system()) {
    write_random_model(
        random, to, pool, [](std::uint64_t) {}, files);
  }

  const TempFolder folder;
  TaskPool pool{1};
  RandomModel model{.config = read_model_config(kGolden + "/qwen3_5_tiny/config.json"),
                    .seed = 3,
                    .dtype = Dtype::kF32};
};

TEST_F(WriteRandomModel, CanBeOpenedAndIsTheSameTwice) {
  write(model, folder / "a");
  write(model, folder / "b");
  const ModelFolder opened(folder / "a");
  EXPECT_EQ(opened.config().layers, model.config.layers);
  std::uint64_t bytes = 0;
  for (const ModelTensor& tensor : opened.tensors()) bytes += tensor.stored->bytes.size();
  EXPECT_EQ(bytes, stored_bytes(model));
  EXPECT_EQ(real_file_system().read(folder / "a/model.safetensors"),
            real_file_system().read(folder / "b/model.safetensors"));
  EXPECT_FALSE(fs::exists(folder / "a.tmp"));
}

TEST_F(WriteRandomModel, TakesTheSmallFilesAlong) {
  write_atomically(folder / "tokenizer.json", "{}");
  write_atomically(folder / "config.json", "not this one");
  model.small_files = folder.path();
  write(model, folder / "m");
  EXPECT_EQ(real_file_system().read(folder / "m/tokenizer.json"), "{}");
  EXPECT_EQ(read_model_config(folder / "m").hidden_size, model.config.hidden_size);
}

TEST_F(WriteRandomModel, LeavesAFolderWithContentAlone) {
  fs::create_directories(folder / "m");
  write_atomically(folder / "m/notes.txt", "mine");
  EXPECT_EQ(error_of([&] { write(model, folder / "m"); }),
            (folder / "m").string() + " already holds notes.txt; give a new or empty folder");
  write(model, folder / "n");
  EXPECT_NE(error_of([&] { write(model, folder / "n"); }).find("already holds"), std::string::npos);
  EXPECT_NE(error_of([&] { write(model, folder / "m/notes.txt"); }).find("is not a folder"),
            std::string::npos);
}

TEST_F(WriteRandomModel, RefusesAModelThatTheDiskCannotHold) {
  model.config.layers.resize(4096, LayerKind::kFullAttention);
  model.config.intermediate_size = 1 << 22;
  model.config.hidden_size = 1 << 20;
  const std::string message = error_of([&] { write(model, folder / "m"); });
  EXPECT_NE(message.find(" free"), std::string::npos) << message;
  EXPECT_TRUE(real_file_system().list(folder.path()).empty());
}

TEST_F(WriteRandomModel, AnInterruptLeavesNothing) {
  const auto stop = [](std::uint64_t) { throw Error(ErrorCode::kInterrupted, "stopped"); };
  EXPECT_EQ(error_of([&] { write_random_model(model, folder / "m", pool, stop); }), "stopped");
  EXPECT_TRUE(real_file_system().list(folder.path()).empty());
}

TEST_F(WriteRandomModel, IsWholeOrAbsentAfterEveryFault) {
  model.config.layers.resize(1);
  const auto rounds = for_every_fault(
      [](const fs::path&) {},
      [&](const fs::path& root, FileSystem& files) { write(model, root / "m", files); },
      [&](const fs::path& root, const Aftermath& aftermath) {
        if (aftermath.finished || fs::exists(root / "m")) {
          EXPECT_NO_THROW(ModelFolder(root / "m")) << aftermath.description;
        }
        fs::remove_all(root / "m");
        write(model, root / "m");  // what a fault left behind is in nobody's way
        EXPECT_FALSE(fs::exists(root / "m.tmp")) << aftermath.description;
      });
  EXPECT_GT(rounds, 50);
}

}  // namespace
}  // namespace polaris
