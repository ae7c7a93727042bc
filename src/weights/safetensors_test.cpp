#include "weights/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string file_with(const std::string& header, std::size_t data_bytes) {
  return little_endian(header.size()) + header + std::string(data_bytes, 'x');
}

SafetensorsContent parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "m.safetensors");
}

std::string error_of(const std::string& file) {
  try {
    parse(file);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    return e.what();
  }
  return "no error";
}

/// A file of one tensor "t" with the given description and bytes.
std::string error_of_tensor(const std::string& entry, std::size_t data_bytes) {
  return error_of(file_with("{\"t\":" + entry + "}", data_bytes));
}

TEST(Safetensors, GivesTensorsInTheOrderOfTheirBytes) {
  const std::string file =
      file_with(R"({"__metadata__":{"format":"pt","k":"v"},)"
                R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[2,10]},)"
                R"("b":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},)"
                R"("c":{"dtype":"I64","shape":[0,7],"data_offsets":[10,10]}}   )",
                10);
  const SafetensorsContent content = parse(file);
  ASSERT_EQ(content.tensors.size(), 3U);
  EXPECT_EQ(content.tensors[0].spec, (TensorSpec{"b", Dtype::kBF16, {}}));
  EXPECT_EQ(content.tensors[1].spec, (TensorSpec{"a", Dtype::kF32, {1, 2}}));
  EXPECT_EQ(content.tensors[2].spec, (TensorSpec{"c", Dtype::kI64, {0, 7}}));
  EXPECT_EQ(reinterpret_cast<const char*>(content.tensors[1].bytes.data()),
            file.data() + file.size() - 8);
  EXPECT_EQ(content.tensors[1].bytes.size(), 8U);
  EXPECT_EQ(content.metadata, (SafetensorsMetadata{{"format", "pt"}, {"k", "v"}}));
}

TEST(Safetensors, CarriesTypesWeDoNotComputeWith) {
  const auto content =
      parse(file_with(R"({"q":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]}})", 3));
  EXPECT_EQ(content.tensors.at(0).bytes.size(), 3U);
}

TEST(Safetensors, RefusesAFileThatIsCutOff) {
  const std::string whole =
      file_with(R"({"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 16);
  ASSERT_EQ(error_of(whole), "no error");
  const std::size_t data = whole.size() - 16;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const char* reason = size < 8      ? "too few"
                         : size < data ? "the header should have"
                                       : "tensor \"t\"";
    ASSERT_NE(error_of(whole.substr(0, size)).find(reason), std::string::npos) << size;
  }
  EXPECT_EQ(error_of(whole.substr(0, whole.size() - 1)),
            "m.safetensors: tensor \"t\": data_offsets [0, 16] leave the 15 bytes of data; is the "
            "file cut off?");
}

TEST(Safetensors, RefusesAHeaderLongerThanTheFile) {
  for (const std::uint64_t length : {std::uint64_t{100}, std::uint64_t{1} << 40, ~std::uint64_t{0}})
    EXPECT_EQ(
        error_of(little_endian(length) + "{}"),
        fmt::format("m.safetensors: the header should have {} bytes, the file has 10; it is cut "
                    "off or not a safetensors file",
                    length));
  EXPECT_EQ(error_of("abc"),
            "m.safetensors: the file has 3 bytes, too few for a safetensors file; is it cut off?");
}

TEST(Safetensors, RefusesAHeaderThatIsNoObject) {
  EXPECT_NE(error_of(file_with("[]", 0)).find("not a JSON object"), std::string::npos);
  EXPECT_NE(error_of(file_with("", 0)).find("not a JSON object"), std::string::npos);
  EXPECT_NE(error_of(file_with("{\"a\":", 0)).find("m.safetensors: header"), std::string::npos);
  EXPECT_NE(error_of(file_with("{\"\xff\":1}", 0)).find("m.safetensors: header"),
            std::string::npos);
}

TEST(Safetensors, RefusesDuplicateNames) {
  const std::string error =
      error_of(file_with(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                         R"("t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                         2));
  EXPECT_NE(error.find("m.safetensors"), std::string::npos);
  EXPECT_NE(error.find("\"t\""), std::string::npos);
}

TEST(Safetensors, RefusesSizesThatDoNotFollowFromTheShape) {
  EXPECT_EQ(
      error_of_tensor(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8),
      "m.safetensors: tensor \"t\": F32 of shape [3] takes 12 bytes, data_offsets [0, 8] hold 8");
  EXPECT_EQ(error_of_tensor(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1),
            "m.safetensors: tensor \"t\": no file can hold F4 of shape [3]");
}

TEST(Safetensors, RefusesAbsurdShapesWithoutAllocatingThem) {
  for (const char* shape :
       {"[4294967296,4294967296]", "[4611686018427387904]", "[4294967296,2147483648,2]"}) {
    const auto entry = fmt::format(R"({{"dtype":"F32","shape":{},"data_offsets":[0,0]}})", shape);
    EXPECT_NE(error_of_tensor(entry, 0).find("tensor \"t\": no file can hold"), std::string::npos);
  }
  EXPECT_NE(
      error_of_tensor(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]})", 0)
          .find("is too large"),
      std::string::npos);
}

TEST(Safetensors, RefusesOffsetsThatAreNotTwoNumbersInOrder) {
  for (const char* offsets :
       {"[0]", "[0,1,2]", "[]", "[4,0]", "[0,5]", "[-4,0]", "[0.0,4]", "7", "[0,\"4\"]",
        "[18446744073709551615,4]", "[0,18446744073709551615]"}) {
    const auto entry = fmt::format(R"({{"dtype":"F32","shape":[1],"data_offsets":{}}})", offsets);
    EXPECT_NE(error_of_tensor(entry, 4).find("m.safetensors: tensor \"t\": "), std::string::npos)
        << offsets;
  }
}

TEST(Safetensors, RefusesEntriesOfTheWrongKind) {
  for (const char* entry :
       {"7", "{}", R"({"dtype":"F32","shape":[1]})", R"({"shape":[1],"data_offsets":[0,4]})",
        R"({"dtype":4,"shape":[1],"data_offsets":[0,4]})",
        R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})",
        R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})",
        R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})"})
    EXPECT_NE(error_of_tensor(entry, 4).find("m.safetensors: tensor \"t\": "), std::string::npos)
        << entry;
  EXPECT_EQ(error_of_tensor(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})", 4),
            "m.safetensors: tensor \"t\": unknown dtype \"F31\"");
  EXPECT_NE(error_of(file_with(R"({"__metadata__":{"a":1}})", 0)).find("__metadata__"),
            std::string::npos);
}

TEST(Safetensors, RefusesBytesOfTwoTensorsOrOfNone) {
  const auto two = [](const char* a, const char* b) {
    return error_of(file_with(fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},)"
                                          R"("b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
                                          a, b),
                              8));
  };
  EXPECT_EQ(two("[0,4]", "[4,8]"), "no error");
  EXPECT_EQ(two("[0,4]", "[2,6]"),
            "m.safetensors: tensor \"b\": its bytes [2, 6] overlap those of tensor \"a\"");
  EXPECT_EQ(two("[0,4]", "[0,4]"),
            "m.safetensors: tensor \"b\": its bytes [0, 4] overlap those of tensor \"a\"");
  EXPECT_EQ(two("[1,5]", "[4,8]"),
            "m.safetensors: tensor \"a\": 1 bytes before it belong to no tensor");
  EXPECT_EQ(error_of(file_with(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 6)),
            "m.safetensors: 2 bytes after the last tensor belong to none");
}

TEST(Safetensors, KeepsErrorsOnOneLineWhateverANameHolds) {
  const std::string error = error_of(file_with("{\"a\\nb" + std::string(5000, 'n') + "\":7}", 0));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_LT(error.size(), 300U);
}

TEST(SafetensorsFile, MapsAFileAndFindsItsTensors) {
  const SafetensorsFile file(POLARIS_GOLDEN_DIR "/qwen3_5_tiny/golden.safetensors");
  ASSERT_NE(file.find("input_ids"), nullptr);
  EXPECT_EQ(file.find("input_ids")->spec, (TensorSpec{"input_ids", Dtype::kI64, {2, 37}}));
  EXPECT_EQ(file.find("nothing"), nullptr);
  EXPECT_EQ(file.tensors().size(), 116U);
}

class UnreadableFile : public testing::Test {
 protected:
  std::string error_of_path(const std::filesystem::path& path) {
    try {
      SafetensorsFile file(path);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kIo);
      EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos);
      return e.what();
    }
    return "no error";
  }
  TempFolder folder;
};

TEST_F(UnreadableFile, IsNamedWithTheReason) {
  EXPECT_NE(error_of_path(folder / "none").find("No such file"), std::string::npos);
  std::filesystem::create_symlink("b", folder / "a");
  std::filesystem::create_symlink("a", folder / "b");
  EXPECT_NE(error_of_path(folder / "a").find("symbolic links"), std::string::npos);
  EXPECT_NE(error_of_path(folder.path()).find("it is a directory"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(error_of_path(folder / "pipe").find("a pipe"), std::string::npos);
}

TEST_F(UnreadableFile, IsNamedWhenPermissionIsMissing) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  std::ofstream(folder / "secret") << "x";
  std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
  EXPECT_NE(error_of_path(folder / "secret").find("Permission denied"), std::string::npos);
}

TEST(MappedFile, MapsAnEmptyFileAsNothing) {
  const TempFolder folder;
  std::ofstream(folder / "empty");
  EXPECT_TRUE(MappedFile(folder / "empty").bytes().empty());
}

TEST(MappedFile, MovesItsBytes) {
  const TempFolder folder;
  std::ofstream(folder / "a") << "first";
  std::ofstream(folder / "b") << "second";
  MappedFile file(folder / "a");
  MappedFile moved(std::move(file));
  moved = MappedFile(folder / "b");
  EXPECT_EQ(moved.bytes().size(), 6U);
  EXPECT_EQ(std::to_integer<char>(moved.bytes()[0]), 's');
  EXPECT_EQ(moved.path(), folder / "b");
}

}  // namespace
}  // namespace polaris
