#include "weights/safetensors_writer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/temp_folder.h"
#include "weights/checkpoint_testing.h"
#include "weights/mapped_file.h"

namespace polaris {
namespace {

std::string text_of(const std::filesystem::path& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::vector<TensorSpec> two_tensors() { return {{"b", Dtype::kF32, {2}}, {"a", Dtype::kU8, {3}}}; }

TEST(SafetensorsHeader, IsPaddedToEightBytes) {
  const std::string header = safetensors_header(two_tensors(), {{"format", "pt"}});
  EXPECT_EQ(
      header.substr(8),
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}      )");
  EXPECT_EQ(header.size() % 8, 0U);
  EXPECT_EQ(header.substr(0, 8), std::string("\x90\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(safetensors_header({}, {}).substr(8), "{}      ");
}

// The golden files were written by the reference implementation.
TEST(SafetensorsWriter, WritesTheSameBytesAsTheReferenceImplementation) {
  const TempFolder folder;
  for (const char* name : {"/qwen3_5_tiny/model.safetensors", "/qwen3_5_tiny/golden.safetensors",
                           "/qwen3_5_tiny_vl/model.safetensors-00001-of-00002.safetensors"}) {
    const std::string golden = std::string(POLARIS_GOLDEN_DIR) + name;
    const SafetensorsFile source(golden);
    std::vector<TensorSpec> specs;
    for (const StoredTensor& tensor : source.tensors()) specs.push_back(tensor.spec);
    SafetensorsWriter writer(folder / "copy", specs, source.metadata());
    for (const StoredTensor& tensor : source.tensors())
      writer.append(tensor.spec.name, tensor.bytes);
    writer.commit();
    EXPECT_EQ(text_of(folder / "copy"), text_of(golden)) << name;
  }
}

TEST(SafetensorsWriter, TakesPiecesOfAnySizeAndTensorsOfNone) {
  const TempFolder folder;
  std::vector<TensorSpec> specs = two_tensors();
  specs.insert(specs.begin(), {"none", Dtype::kF32, {0, 4}});
  specs.push_back({"end", Dtype::kF32, {0}});
  SafetensorsWriter writer(folder / "m", specs);
  const std::vector<std::byte> bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                        std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
  const std::span all(bytes);
  writer.append("none", {});
  writer.append("b", all.first(1));
  writer.append("b", {});
  writer.append("b", all.subspan(1));
  writer.append("a", all.first(3));
  writer.append("end", {});
  writer.commit();
  const auto back = load_tensors(folder / "m");
  ASSERT_EQ(back.size(), 4U);
  EXPECT_EQ(back[1].spec.name, "b");
  EXPECT_EQ(back[1].bytes, bytes);
  EXPECT_EQ(back[3].spec, specs[3]);
}

TEST(SafetensorsWriter, EscapesNames) {
  const TempFolder folder;
  const LooseTensor odd{{"a \"b\"\\\n\xC3\xA9", Dtype::kU8, {1}}, {std::byte{7}}};
  save_tensors(folder / "m", {odd});
  EXPECT_EQ(load_tensors(folder / "m").at(0).spec, odd.spec);
}

TEST(SafetensorsWriter, TakesWrongOrderAndMissingBytesForBugs) {
  const TempFolder folder;
  const std::vector<std::byte> bytes(9);
  const std::span all(bytes);
  SafetensorsWriter writer(folder / "m", two_tensors());
  EXPECT_THROW(writer.append("a", all.first(3)), Error);
  EXPECT_THROW(writer.append("b", all), Error);
  EXPECT_THROW(writer.commit(), Error);
  writer.append("b", all.first(8));
  writer.append("a", all.first(3));
  EXPECT_THROW(writer.append("a", all.first(1)), Error);
  writer.commit();
  EXPECT_THROW(SafetensorsWriter(folder / "n", {{"a", Dtype::kU8, {1}}, {"a", Dtype::kU8, {1}}}),
               Error);
  EXPECT_THROW(SafetensorsWriter(folder / "n", {{"a", Dtype::kU8, {-1}}}), Error);
}

TEST(SafetensorsWriter, LeavesNothingWithoutCommit) {
  const TempFolder folder;
  { SafetensorsWriter writer(folder / "m", two_tensors()); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace polaris
