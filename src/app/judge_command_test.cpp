#include <gtest/gtest.h>

#include "app/binary_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class JudgeCommand : public testing::Test {
 protected:
  BinaryResult run(const std::string& input, const std::vector<std::string>& more = {}) const {
    put_file(in, input);
    std::vector<std::string> arguments = {"judge", "--in", in, "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }

  std::vector<OrderedJson> output() const { return lines_of(real_file_system().read(out)); }

  const TempFolder folder;
  const fs::path in = folder / "in.jsonl";
  const fs::path out = folder / "out.jsonl";
};

std::string record(const OrderedJson& id, const std::string& story) {
  return OrderedJson{{"id", id}, {"prompt", "Tell of the sea."}, {"story", story}}.dump() + "\n";
}

const std::string kStory =
    "Mara rowed out at dawn. \"Wait,\" her brother called from the pier, but the water had its "
    "own plans. She found the lamp where the old man had left it, and she lit it again.";

TEST_F(JudgeCommand, WritesOneRecordPerStoryInOrder) {
  const std::vector<OrderedJson> ids = {"b", 2, "2", 1.5};
  std::string input;
  for (const OrderedJson& id : ids) input += record(id, kStory + " " + id.dump() + ".");
  const BinaryResult result = run(input);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("4 stories judged"), std::string::npos) << result.err;
  const auto records = output();
  ASSERT_EQ(records.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(records[i]["id"], ids[i]);
    EXPECT_EQ(records[i]["item_id"], ids[i]);
    EXPECT_EQ(records[i]["task"], "story_quality");
    EXPECT_EQ(records[i]["judge"]["provider"], "lexical");
    EXPECT_TRUE(records[i]["scores"]["overall"].is_number());
    EXPECT_TRUE(records[i]["failure"].is_null());
    EXPECT_TRUE(records[i]["reason"].is_null());
    EXPECT_EQ(records[i]["run_id"], records[0]["run_id"]);
  }
}

TEST_F(JudgeCommand, ContinuesAfterTheLastWholeLine) {
  std::string input;
  for (int i = 0; i < 6; ++i) input += record(i, fmt::format("{} It was night {}.", kStory, i));
  ASSERT_EQ(run(input).exit_code, 0);
  const std::string whole = real_file_system().read(out);
  std::size_t third = 0;
  for (int i = 0; i < 3; ++i) third = whole.find('\n', third) + 1;
  put_file(out, whole.substr(0, third + 40));
  ASSERT_EQ(run(input).exit_code, 0);
  EXPECT_EQ(real_file_system().read(out), whole);
  ASSERT_EQ(run(input).exit_code, 0);
  EXPECT_EQ(real_file_system().read(out), whole) << "a finished run adds nothing";
}

TEST_F(JudgeCommand, RefusesToContinueTheOutputOfOtherStories) {
  ASSERT_EQ(run(record("a", kStory)).exit_code, 0);
  const std::string before = real_file_system().read(out);
  const BinaryResult other = run(record("b", kStory));
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_NE(other.err.find("in.jsonl:1: this is story \"b\""), std::string::npos) << other.err;
  EXPECT_EQ(real_file_system().read(out), before);
  put_file(out, "{\"some\": \"file\"}\n");
  EXPECT_EQ(run(record("b", kStory)).exit_code, 3);
  EXPECT_EQ(real_file_system().read(out), "{\"some\": \"file\"}\n");
}

TEST_F(JudgeCommand, ItsOutputIsARecordingForScore) {
  const std::string input = record(1, kStory) + record(2, "The sea. The sea. The sea.");
  ASSERT_EQ(run(input).exit_code, 0);
  std::vector<double> overall;
  for (const OrderedJson& line : output()) overall.push_back(line["scores"]["overall"]);
  put_file(in, input + record(3, "A story that nobody judged."));
  const fs::path scored = folder / "scored.jsonl";
  const BinaryResult result =
      run_polaris({"score", "--in", in, "--out", scored, "--judge", "replay:" + out.string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto records = lines_of(real_file_system().read(scored));
  for (int i = 0; i < 2; ++i) {
    EXPECT_DOUBLE_EQ(records[i]["parts"]["story_quality"].get<double>(), overall[i] / 100);
    EXPECT_TRUE(records[i]["reward"].is_number());
  }
  EXPECT_TRUE(records[2]["reward"].is_null());
  EXPECT_EQ(records[2]["failure"], "transport");
}

TEST_F(JudgeCommand, AnEmptyStoryIsNotJudged) {
  ASSERT_EQ(run(record(1, " \n") + record(2, kStory)).exit_code, 0);
  EXPECT_TRUE(output()[0]["scores"].is_null());
  EXPECT_EQ(output()[0]["failure"], "empty");
  EXPECT_EQ(output()[0]["reason"], "the story is empty: not judged");
  EXPECT_TRUE(output()[1]["scores"].is_object());
}

TEST_F(JudgeCommand, AJudgeThatNeverAnswersIsAnErrorAfterEverythingIsWritten) {
  put_file(folder / "empty.jsonl", "");
  const BinaryResult result =
      run(record(1, kStory), {"--judge", "replay:" + (folder / "empty.jsonl").string()});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_NE(result.err.find("no story was judged"), std::string::npos) << result.err;
  EXPECT_EQ(output().size(), 1U);
}

TEST_F(JudgeCommand, AsksAgainAboutStoriesForWhichTheJudgeWasNotReached) {
  const std::string recording = (folder / "recording.jsonl").string();
  const std::string input = record(1, kStory) + record(2, kStory + " Two.") + record(3, "The sea.");
  put_file(in, record(1, kStory) + record(3, "The sea."));
  ASSERT_EQ(run_polaris({"judge", "--in", in, "--out", recording}).exit_code, 0);
  ASSERT_EQ(run(input, {"--judge", "replay:" + recording}).exit_code, 0);
  EXPECT_EQ(output()[1]["failure"], "transport");
  put_file(in, input);
  fs::remove(recording);
  ASSERT_EQ(run_polaris({"judge", "--in", in, "--out", recording}).exit_code, 0);
  const BinaryResult result = run(input, {"--judge", "replay:" + recording});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.err.find("the judge was not reached for story 2"), std::string::npos);
  ASSERT_EQ(output().size(), 3U);
  for (const OrderedJson& line : output()) EXPECT_TRUE(line["scores"].is_object()) << line["id"];
}

TEST_F(JudgeCommand, RefusesWhatMakesNoSense) {
  EXPECT_EQ(run(record(1, kStory), {"--judge", "none"}).exit_code, 2);
  EXPECT_EQ(run(record(1, kStory), {"--judge", "oracle"}).exit_code, 2);
  EXPECT_EQ(run(record(1, kStory), {"--judge", "http"}).exit_code, 2) << "without a model";
  EXPECT_EQ(run(record(1, kStory), {"--judge", "replay:/nowhere.jsonl"}).exit_code, 4);
  EXPECT_EQ(run("{\"story\": \"s\"}\n").exit_code, 3);
  EXPECT_EQ(run_polaris({"judge", "--in", in}).exit_code, 2);
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(JudgeCommand, MeasuresTheJudgeItself) {
  const fs::path card = folder / "card.json";
  const BinaryResult result =
      run_polaris({"judge", "--check", "--judge", "lexical", "--out", card});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("72 of 72 (8 stories, 3 variants, 3 repeats)"), std::string::npos)
      << result.out;
  const Json json = Json::parse(real_file_system().read(card));
  EXPECT_EQ(json["answers"], 72);
  EXPECT_EQ(json["repeat_sd"], 0.0) << "text statistics do not waver";
  EXPECT_EQ(json["order"]["pairs_looped"], 8);
  EXPECT_GE(json["order"]["looped_below"].get<int>(), 7);
}

TEST_F(JudgeCommand, HelpShowsAnExample) {
  const BinaryResult result = run_polaris({"judge", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("Example: polaris judge"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace polaris
