#include "base/jsonl.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/faulty_file_system.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class JsonlTest : public testing::Test {
 protected:
  void put(std::string_view content) const { std::ofstream(path, std::ios::binary) << content; }

  std::string content() const { return real_file_system().read(path); }

  std::string error_of_reading(LastLine last_line, std::size_t max_line_bytes = 1000) const {
    try {
      JsonlReader reader(path, last_line, max_line_bytes);
      while (reader.next()) {
      }
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      return e.what();
    }
    return "no error";
  }

  const TempFolder folder;
  const fs::path path = folder / "a.jsonl";
};

using JsonlReaderTest = JsonlTest;
using JsonlWriterTest = JsonlTest;

TEST_F(JsonlReaderTest, ReadsRecordsWithTheirPlaceAndOffset) {
  put("{\"a\":1}\n[2]\n");
  JsonlReader reader(path, LastLine::kMustBeWhole);
  EXPECT_EQ(reader.next(), Json({{"a", 1}}));
  EXPECT_EQ(reader.place(), path.string() + ":1");
  EXPECT_EQ(reader.offset(), 8U);
  EXPECT_EQ(reader.next(), Json::array({2}));
  EXPECT_EQ(reader.line_number(), 2U);
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.line_number(), 2U);
  EXPECT_EQ(reader.offset(), 12U);
  EXPECT_FALSE(reader.is_torn());
}

TEST_F(JsonlReaderTest, AcceptsWhatEditorsLeave) {
  put("\xEF\xBB\xBF{\"a\":1}\r\n\r\n  \n\n{\"a\":2}");
  JsonlReader reader(path, LastLine::kMustBeWhole);
  EXPECT_EQ(reader.next(), Json({{"a", 1}}));
  EXPECT_EQ(reader.next(), Json({{"a", 2}}));
  EXPECT_EQ(reader.line_number(), 5U);
  EXPECT_EQ(reader.offset(), 18U) << "the last line has no newline yet";
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_FALSE(reader.is_torn());
}

TEST_F(JsonlReaderTest, AnEmptyFileHoldsNothing) {
  for (const char* nothing : {"", "\n", "\xEF\xBB\xBF", " \r\n\t"}) {
    put(nothing);
    JsonlReader reader(path, LastLine::kMustBeWhole);
    EXPECT_EQ(reader.next(), std::nullopt);
  }
}

TEST_F(JsonlReaderTest, NamesFileAndLineOfABadRecord) {
  put("{}\n\n{\"a\":}\n{}\n");
  const std::string message = error_of_reading(LastLine::kMayBeTorn);
  EXPECT_TRUE(message.starts_with(path.string() + ":3: not JSON at column 6: syntax error"))
      << message;
  EXPECT_EQ(message.find("line 1"), std::string::npos) << message;
}

TEST_F(JsonlReaderTest, ATornLastLineIsAStateOfAJournalAndAnErrorInAnInput) {
  for (const std::string torn : {"{\"a\":", "{\"a\":1", "{"}) {
    put("{\"a\":1}\n" + torn);
    JsonlReader reader(path, LastLine::kMayBeTorn);
    EXPECT_TRUE(reader.next());
    EXPECT_FALSE(reader.is_torn());
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_TRUE(reader.is_torn());
    EXPECT_EQ(reader.offset(), 8U);
  }
  put("{\"a\":1}\n{\"a\":");
  const std::string message = error_of_reading(LastLine::kMustBeWhole);
  EXPECT_NE(message.find("a.jsonl:2: "), std::string::npos) << message;
  EXPECT_NE(message.find("the file ends within this line"), std::string::npos) << message;
}

TEST_F(JsonlReaderTest, BytesOfZeroAtTheEndAreATornLine) {
  put(std::string("{}\n\0\0\0\0", 7));  // some file systems leave this after a power cut
  JsonlReader reader(path, LastLine::kMayBeTorn);
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.is_torn());
}

TEST_F(JsonlReaderTest, BoundsTheLineWithAndWithoutItsNewline) {
  const std::string line = '"' + std::string(8, 'x') + "\"";  // 10 bytes
  put(line + '\n' + line);
  EXPECT_EQ(error_of_reading(LastLine::kMustBeWhole, 10), "no error");
  EXPECT_EQ(error_of_reading(LastLine::kMustBeWhole, 9),
            path.string() + ":1: the line has more than 9 bytes");
  put("{}\n" + std::string(500'000, '['));
  EXPECT_EQ(error_of_reading(LastLine::kMayBeTorn, 100'000),
            path.string() + ":2: the line has more than 100000 bytes");
}

TEST_F(JsonlReaderTest, GoesOnBehindALineThatItRefused) {
  const std::string long_line = '"' + std::string(200'000, 'x') + '"';
  for (const std::string& bad : {std::string("{"), "[" + std::string(20, '1') + "]", long_line}) {
    for (const std::string rest : {"\n{\"a\":2}\n", "\n{\"a\":2}"}) {
      put("{\"a\":1}\n" + bad + rest);
      JsonlReader reader(path, LastLine::kMustBeWhole, /*max_line_bytes=*/15);
      EXPECT_TRUE(reader.next());
      EXPECT_THROW(reader.next(), Error);
      EXPECT_EQ(reader.next(), Json({{"a", 2}}));
      EXPECT_EQ(reader.line_number(), 3U);
      EXPECT_EQ(reader.next(), std::nullopt);
      EXPECT_EQ(reader.offset(), 8 + bad.size() + 1 + (rest.ends_with('\n') ? 8 : 0));
    }
  }
  put("{}\n" + long_line);
  JsonlReader reader(path, LastLine::kMustBeWhole, /*max_line_bytes=*/15);
  EXPECT_TRUE(reader.next());
  EXPECT_THROW(reader.next(), Error);
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.offset(), 3U);
}

TEST_F(JsonlReaderTest, KeepsTheOrderOfKeysWhereAsked) {
  put("{\"z\":1,\"a\":{\"y\":2,\"b\":3}}\n{");
  JsonlReader reader(path, LastLine::kMustBeWhole);
  EXPECT_EQ(reader.next_ordered().value().dump(), R"({"z":1,"a":{"y":2,"b":3}})");
  EXPECT_THROW(reader.next_ordered(), Error);
}

TEST_F(JsonlReaderTest, ReadsLinesAcrossItsBlocks) {
  std::string text;
  std::vector<std::size_t> sizes = {65'533, 65'534, 65'535, 0, 200'000, 1, 131'000};
  for (const std::size_t size : sizes) text += '"' + std::string(size, 'x') + "\"\n";
  put(text);
  JsonlReader reader(path, LastLine::kMustBeWhole);
  for (const std::size_t size : sizes)
    EXPECT_EQ(reader.next().value().get<std::string>().size(), size);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.offset(), text.size());
}

TEST_F(JsonlReaderTest, BeginsAtTheEndOfALineNotedEarlier) {
  put("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
  JsonlReader reader(path, LastLine::kMayBeTorn, kMaxJsonlLine, /*start=*/8);
  EXPECT_EQ(reader.next(), Json({{"a", 2}}));
  EXPECT_EQ(reader.offset(), 16U);
  EXPECT_EQ(reader.next(), Json({{"a", 3}}));
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(JsonlReader(path, LastLine::kMayBeTorn, kMaxJsonlLine, 24).next(), std::nullopt);
}

TEST_F(JsonlReaderTest, AMissingFileAndAFolderAreIoErrors) {
  for (const fs::path& wrong : {path, folder.path()}) {
    try {
      JsonlReader reader(wrong, LastLine::kMustBeWhole);
      reader.next();
      FAIL() << wrong;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kIo);
      EXPECT_NE(std::string(e.what()).find(wrong.string()), std::string::npos);
    }
  }
}

TEST_F(JsonlWriterTest, AppendsOneLinePerRecordAndCountsBytes) {
  JsonlWriter writer(path);
  EXPECT_EQ(writer.offset(), 0U);
  writer.write({{"text", "two\nlines"}});
  EXPECT_EQ(content(), "{\"text\":\"two\\nlines\"}\n");  // visible at once
  EXPECT_EQ(writer.offset(), content().size());
  writer.sync();
  JsonlWriter second(path);
  second.write(Json::array());
  EXPECT_EQ(second.offset(), content().size());
  EXPECT_TRUE(content().ends_with("}\n[]\n"));
}

TEST_F(JsonlWriterTest, CutsATornLastLineAndCompletesOneThatOnlyLacksItsNewline) {
  const auto repaired = [&](const std::string& text) {
    put(text);
    JsonlWriter writer(path);
    EXPECT_EQ(writer.offset(), content().size());
    return content();
  };
  EXPECT_EQ(repaired(""), "");
  EXPECT_EQ(repaired("{}\n"), "{}\n");
  EXPECT_EQ(repaired("{}\n{\"a\":"), "{}\n");
  EXPECT_EQ(repaired("{\"a\":"), "");
  EXPECT_EQ(repaired("{}\n{\"a\":1}"), "{}\n{\"a\":1}\n");
  EXPECT_EQ(repaired("{}\n12"), "{}\n") << "may have been 123";
  EXPECT_EQ(repaired("{}\n" + std::string(200'000, '[')), "{}\n");
  EXPECT_EQ(repaired(std::string(200'000, '[')), "");
}

TEST_F(JsonlWriterTest, AFailedWriteLeavesNoPartOfItsLine) {
  FaultyFileSystem files(folder.path());
  JsonlWriter writer(path, files);
  writer.write({{"a", 1}});
  files.fail_at(files.operations() + 1);
  EXPECT_THROW(writer.write({{"a", 2}}), Error);
  writer.write({{"a", 3}});
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":3}\n");
  EXPECT_EQ(writer.offset(), content().size());
}

TEST_F(JsonlWriterTest, NamesTheFullDisk) {
  try {
    JsonlWriter("/dev/full").write(Json::object());
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("/dev/full"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("is the disk full?"), std::string::npos);
  }
}

TEST_F(JsonlWriterTest, RefusesValuesWhoseTornFormCouldBeRead) {
  JsonlWriter writer(path);
  EXPECT_THROW(writer.write(123), Error);
  EXPECT_EQ(content(), "");
}

TEST_F(JsonlWriterTest, CutsBackToACursor) {
  put("{}\n[]\n{\"torn");
  JsonlWriter::truncate_to(path, 6);
  EXPECT_EQ(content(), "{}\n[]\n");
  JsonlWriter::truncate_to(path, 6);
  JsonlWriter::truncate_to(path, 3);
  EXPECT_EQ(content(), "{}\n");
  EXPECT_THROW(JsonlWriter::truncate_to(path, 2), Error);
  EXPECT_THROW(JsonlWriter::truncate_to(path, 4), Error);
  EXPECT_EQ(content(), "{}\n");
  JsonlWriter::truncate_to(path, 0);
  EXPECT_EQ(content(), "");
  JsonlWriter::truncate_to(folder / "absent", 0);
  EXPECT_THROW(JsonlWriter::truncate_to(folder / "absent", 1), Error);
}

TEST_F(JsonlWriterTest, ACutSurvivesAPowerCut) {
  put("{}\n[]\n");
  FaultyFileSystem files(folder.path());
  JsonlWriter::truncate_to(path, 3, files);
  files.lose_unsynced(Crash::kNothingKept);
  EXPECT_EQ(content(), "{}\n");
}

TEST_F(JsonlWriterTest, AfterAFaultAnywhereTheJournalIsAWholePrefixWithAllThatWasSynced) {
  const auto record = [](int i) { return Json({{"step", i}, {"text", std::string(20, 'x')}}); };
  int synced = 0;
  for_every_fault([&](const fs::path&) { synced = 0; },
                  [&](const fs::path& run, FileSystem& files) {
                    JsonlWriter writer(run / "journal.jsonl", files);
                    for (int i = 0; i < 6; ++i) {
                      writer.write(record(i));
                      if (i % 2 == 0) continue;
                      writer.sync();
                      synced = i + 1;
                    }
                  },
                  [&](const fs::path& run, const Aftermath& aftermath) {
                    SCOPED_TRACE(aftermath.description);
                    const fs::path journal = run / "journal.jsonl";
                    FaultyFileSystem files(run);  // quick: waits for no disk
                    { JsonlWriter repair(journal, files); }
                    JsonlReader reader(journal, LastLine::kMustBeWhole);
                    int count = 0;
                    while (const auto found = reader.next()) EXPECT_EQ(*found, record(count++));
                    EXPECT_GE(count, aftermath.finished ? 6 : synced);
                  });
}

}  // namespace
}  // namespace polaris
