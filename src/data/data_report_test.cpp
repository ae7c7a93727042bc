#include "data/data_report.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/temp_folder.h"
#include "data/data_testing.h"

namespace polaris {
namespace {

class DataReportTest : public testing::Test {
 protected:
  /// Looks at a file of these lines and keeps what was said.
  DataReport look(const std::string& content, DataCheck check = {}) {
    std::ofstream(path, std::ios::binary) << content;
    const auto keep = [this](std::vector<std::string>& list) {
      return [this, &list](const std::string& text) {
        list.push_back(text.substr(folder.path().string().size() + 1));
      };
    };
    check.on_problem = keep(problems);
    check.on_note = keep(notes);
    return check_data(path, check);
  }

  const TempFolder folder;
  const std::filesystem::path path = folder / "a.jsonl";
  std::vector<std::string> problems;
  std::vector<std::string> notes;
};

TEST_F(DataReportTest, CountsWhatTheRecordsHold) {
  const DataReport report = look(
      "{\"prompt\":\"a\",\"story\":\"It's two\",\"ground_truth_reasoning\":\"R\"}\n"
      "{\"prompt\":\"The story should be 700 words long.\"}\n"
      "{\"prompt\":\"b\",\"target_word_count\":900}\n");
  EXPECT_EQ(report.records, 3);
  EXPECT_EQ(report.problems, 0);
  EXPECT_EQ(report.with_reference, 1);
  EXPECT_EQ(report.with_reasoning, 1);
  EXPECT_EQ(report.with_target, 2);
  EXPECT_EQ(report.story_words, std::vector<std::int64_t>{3});
  EXPECT_EQ(report.target_words, (std::vector<std::int64_t>{700, 900}));
  EXPECT_FALSE(report.tokens);
  EXPECT_TRUE(problems.empty());
  EXPECT_TRUE(notes.empty());
}

TEST_F(DataReportTest, ListsEveryProblemByItsLine) {
  const DataReport report = look(
      "{\"prompt\":\"a\",\"id\":1}\n{oops\n{\"prompt\":1}\n{\"prompt\":\"b\",\"id\":1}\n"
      "{\"prompt\":\"c\",\"story\":\"S\"}\n{\"prompt\":\"d\"");
  EXPECT_EQ(report.records, 1);
  EXPECT_EQ(report.problems, 5);
  ASSERT_EQ(problems.size(), 5U);
  for (std::size_t i = 0; i < problems.size(); ++i)
    EXPECT_TRUE(problems[i].starts_with(fmt::format("a.jsonl:{}: ", i + 2))) << problems[i];
}

TEST_F(DataReportTest, AnEmptyFileIsAProblem) {
  EXPECT_EQ(look("\n").problems, 1);
  EXPECT_EQ(problems.at(0), "a.jsonl: there are no records");
}

TEST_F(DataReportTest, AFileOfWhichNothingIsLeftIsAProblem) {
  const StoryEncoder encoder = small_encoder();
  const DataReport report =
      look("{\"prompt\":\"a\"}\n", {.encoder = &encoder, .max_prompt_tokens = 1, .hri = false});
  EXPECT_EQ(report.problems, 1);
  EXPECT_EQ(problems.at(0), "a.jsonl: every record is dropped");
  EXPECT_EQ(notes.size(), 1U);
}

TEST_F(DataReportTest, NotesPromptsThatAskForAnotherLengthThanTheField) {
  look(
      "{\"prompt\":\"Be 700 words long.\",\"target_word_count\":900}\n"
      "{\"prompt\":\"Be 1,500 words long.\",\"target_word_count\":1500}\n",
      {.hri = false});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0], "a.jsonl:1: the prompt asks for 700 words, \"target_word_count\" is 900");
}

TEST_F(DataReportTest, NotesThatNothingCanBeInjected) {
  look("{\"prompt\":\"a\"}\n", {.hri = true});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("hri.enabled = false"), std::string::npos);
}

TEST_F(DataReportTest, ATokenizerAddsLengthsAndWhatIsDroppedOrSkipped) {
  const std::string record =
      "{\"prompt\":\"a\",\"story\":\"one two three\",\"ground_truth_reasoning\":\"R\"}\n";
  const StoryEncoder roomy = small_encoder();
  const DataReport report =
      look(record + "{\"prompt\":\"a much longer prompt than that, for which no room is left\"}\n",
           {.encoder = &roomy, .max_prompt_tokens = 20});
  ASSERT_TRUE(report.tokens);
  EXPECT_EQ(report.tokens->prompts.size(), 2U);
  EXPECT_EQ(report.tokens->dropped_prompts, 1);
  EXPECT_EQ(report.tokens->references.size(), 1U);
  EXPECT_EQ(report.tokens->long_references, 0);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_TRUE(notes[0].starts_with("a.jsonl:2: the record is dropped: its prompt has")) << notes[0];

  const auto outcome = [&](std::int64_t limit, LongReference rule) {
    notes.clear();
    const StoryEncoder tight =
        small_encoder({.max_response_tokens = limit, .too_long_reference = rule});
    EXPECT_EQ(look(record, {.encoder = &tight}).tokens->long_references, 1);
    return notes.at(0).substr(notes.at(0).rfind(": ") + 2);
  };
  const std::int64_t length = report.tokens->references[0];
  EXPECT_EQ(outcome(length - 1, LongReference::kSkip), "it is skipped");
  EXPECT_EQ(outcome(length - 1, LongReference::kCut), "it is cut");
  EXPECT_EQ(outcome(2, LongReference::kCut), "it is cut, and only thinking is left");
}

TEST_F(DataReportTest, ReportsProgressInBytes) {
  std::uint64_t bytes = 0;
  look("{\"prompt\":\"a\"}\nnonsense\n", {.on_progress = [&](std::uint64_t n) { bytes = n; }});
  EXPECT_EQ(bytes, 24U);
}

TEST_F(DataReportTest, AMissingFileIsAnIoError) {
  EXPECT_THROW(check_data(folder / "none.jsonl", {}), Error);
}

TEST(DataReportText, ShowsCountsAndTheBucketsBetweenTheExtremes) {
  const DataReport report{.records = 5,
                          .with_reference = 4,
                          .with_target = 5,
                          .story_words = {400, 700, 700, 2000, 60000},
                          .target_words = {1000}};
  EXPECT_EQ(text_of(report),
            "records                             5\n"
            "  with a reference story            4\n"
            "  with reasoning                    0\n"
            "  with a target length              5\n"
            "problems                            0\n"
            "\n"
            "story lengths in words: 400 to 60000, median 700\n"
            "        251 - 500        1 ####################\n"
            "       501 - 1000        2 ########################################\n"
            "      1001 - 2000        1 ####################\n"
            "      2001 - 3000        0\n"
            "      3001 - 4000        0\n"
            "      4001 - 6000        0\n"
            "      6001 - 8000        0\n"
            "     8001 - 12000        0\n"
            "    12001 - 24000        0\n"
            "    24001 - 48000        0\n"
            "   48001 and more        1 ####################\n"
            "\n"
            "target lengths in words: 1000 to 1000, median 1000\n"
            "       501 - 1000        1 ########################################\n");
}

}  // namespace
}  // namespace polaris
