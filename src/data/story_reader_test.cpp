#include "data/story_reader.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

class StoryReaderTest : public testing::Test {
 protected:
  void put(std::string_view content) const { std::ofstream(path, std::ios::binary) << content; }

  /// Reads to the end, past every error: what each line gave, its id or "!" and the message.
  std::vector<std::string> outcomes(StoryRules rules = {}) const {
    std::vector<std::string> all;
    StoryReader reader(path, rules);
    for (bool more = true; more;) {
      try {
        const auto record = reader.next();
        more = record.has_value();
        if (more) all.push_back(record->name());
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
        EXPECT_TRUE(std::string(e.what()).starts_with(reader.place() + ": ")) << e.what();
        all.push_back("!" + std::string(e.what()).substr(folder.path().string().size() + 1));
      }
    }
    return all;
  }

  static ErrorCode code_of_opening(const std::filesystem::path& file) {
    try {
      StoryReader(file).next();
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode{};
  }

  const TempFolder folder;
  const std::filesystem::path path = folder / "a.jsonl";
};

TEST_F(StoryReaderTest, NamesRecordsWithoutIdByTheirLine) {
  put("{\"prompt\":\"a\"}\n\n{\"prompt\":\"b\",\"uid\":\"x\"}\n{\"prompt\":\"c\"}\n");
  EXPECT_EQ(outcomes(), (std::vector<std::string>{"1", "x", "4"}));
}

TEST_F(StoryReaderTest, GoesOnBehindEveryKindOfProblem) {
  put("{\"prompt\":\"a\",\"id\":1}\n"
      "{\"prompt\":\n"
      "{\"prompt\":\"b\",\"id\":\"1\"}\n"
      "{\"prompt\":\"\xC3\x28\"}\n"
      "{\"prompt\":\"c\",\"target_word_count\":1e400}\n"
      "{\"prompt\":\"d\",\"prompt\":\"d\"}\n"
      "{\"story\":\"e\"}\n" +
      std::string(300, '[') +
      "\n"
      "{\"prompt\":\"f\"}\n"
      "{\"prompt\":\"g\"");
  const auto all = outcomes();
  ASSERT_EQ(all.size(), 10U);
  EXPECT_EQ(all[0], "1");
  EXPECT_TRUE(all[1].starts_with("!a.jsonl:2: not JSON")) << all[1];
  EXPECT_EQ(all[2], "!a.jsonl:3: the id \"1\" stands in line 1 already; ids must differ");
  EXPECT_TRUE(all[3].starts_with("!a.jsonl:4: not JSON")) << all[3];
  EXPECT_TRUE(all[4].starts_with("!a.jsonl:5: not JSON")) << all[4];
  EXPECT_TRUE(all[5].starts_with("!a.jsonl:6: the key \"prompt\" stands twice")) << all[5];
  EXPECT_EQ(all[6], "!a.jsonl:7: the record has no \"prompt\"");
  EXPECT_EQ(all[7], "!a.jsonl:8: nested deeper than 200 levels");
  EXPECT_EQ(all[8], "9");
  EXPECT_NE(all[9].find("the file ends within this line"), std::string::npos) << all[9];
}

TEST_F(StoryReaderTest, RefusesALineThatNoStoryNeeds) {
  put("{\"prompt\":\"" + std::string(17U << 20, 'x') + "\"}\n{\"prompt\":\"b\"}\n");
  EXPECT_EQ(outcomes(),
            (std::vector<std::string>{"!a.jsonl:1: the line has more than 16777216 bytes", "2"}));
}

TEST_F(StoryReaderTest, AStoryNeedsReasoningWhereTheRunThinksAndInjectsIt) {
  put("{\"prompt\":\"a\",\"story\":\"S\"}\n"
      "{\"prompt\":\"b\",\"story\":\"S\",\"ground_truth_reasoning\":\"R\"}\n"
      "{\"prompt\":\"c\"}\n");
  EXPECT_EQ(outcomes(), (std::vector<std::string>{"1", "2", "3"}));
  const auto strict = outcomes({.needs_reasoning = true});
  EXPECT_NE(strict[0].find("a.jsonl:1: the record has a reference story but no "
                           "\"ground_truth_reasoning\"; add it, or set"),
            std::string::npos)
      << strict[0];
  EXPECT_EQ(strict[1], "2");
  EXPECT_EQ(strict[2], "3");
}

TEST_F(StoryReaderTest, TellsHowFarItIs) {
  put("{\"prompt\":\"a\"}\n{\"prompt\":\"b\"}\n");
  StoryReader reader(path);
  reader.next();
  EXPECT_EQ(reader.bytes_read(), 15U);
  reader.next();
  EXPECT_EQ(reader.bytes_read(), 30U);
}

TEST_F(StoryReaderTest, MissingFilesFoldersAndOtherFormatsAreRefused) {
  EXPECT_EQ(code_of_opening(folder / "none.jsonl"), ErrorCode::kIo);
  EXPECT_EQ(code_of_opening(folder.path()), ErrorCode::kIo);
  EXPECT_EQ(code_of_opening("a.parquet"), ErrorCode::kInvalidData);
  try {
    StoryReader("stories.jsonl.gz");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_STREQ(e.what(),
                 "stories.jsonl.gz: the file is compressed; unpack it first: gunzip -k "
                 "stories.jsonl.gz");
  }
}

}  // namespace
}  // namespace polaris
