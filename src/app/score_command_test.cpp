#include <gtest/gtest.h>

#include <algorithm>

#include "app/binary_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFaithful = {
    "--config", std::string(POLARIS_SOURCE_DIR) + "/configs/polaris_9b_paper.toml"};

/// A story of `words` words in which no gram comes twice.
std::string story_of(int words) {
  std::string story;
  for (int i = 0; i < words; ++i) story += fmt::format("{}w{}", i == 0 ? "" : " ", i);
  return story;
}

class ScoreCommand : public testing::Test {
 protected:
  /// Runs the command over a file with this content.
  BinaryResult run(const std::string& input, std::vector<std::string> more = {}) const {
    put_file(in, input);
    std::vector<std::string> arguments = {"score", "--in", in, "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_polaris(arguments);
  }

  /// The one record that comes out for one that goes in.
  OrderedJson score(const OrderedJson& record, const std::vector<std::string>& more = {}) const {
    const BinaryResult result = run(record.dump() + "\n", more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return output().at(0);
  }

  std::vector<OrderedJson> output() const { return lines_of(real_file_system().read(out)); }

  const TempFolder folder;
  const fs::path in = folder / "in.jsonl";
  const fs::path out = folder / "out.jsonl";
};

TEST_F(ScoreCommand, AddsPartsWordsAndThinkingAndPassesTheRestThrough) {
  const OrderedJson scored =
      score({{"z", 1},
             {"id", 7},
             {"prompt", "It should be 1000 words long."},
             {"response", "a plan\n</think>\n\n" + story_of(325) + " don't — stop.\n"},
             {"k", {{"b", nullptr}, {"a", 1.5}}}});
  std::vector<std::string> keys;
  for (const auto& [key, value] : scored.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"z", "id", "prompt", "response", "k", "reward", "parts",
                                            "thinking", "story", "words", "words_re", "failure"}));
  EXPECT_EQ(scored["id"], 7);
  EXPECT_TRUE(scored["reward"].is_null());
  EXPECT_TRUE(scored["failure"].is_null());
  EXPECT_EQ(scored["thinking"], "a plan");
  EXPECT_EQ(scored["story"], story_of(325) + " don't — stop.\n");
  EXPECT_EQ(scored["words"], 327);     // don't, stop
  EXPECT_EQ(scored["words_re"], 328);  // don, t, stop
  const OrderedJson& parts = scored["parts"];
  EXPECT_EQ(parts.size(), 5U);
  EXPECT_TRUE(parts["story_quality"].is_null());
  EXPECT_EQ(parts["self_rep"], 0.0);
  EXPECT_NEAR(parts["length_pen"].get<double>(), 1.0 - 328.0 / 650.0, 1e-12);
  EXPECT_EQ(parts["blank_pen"], 0.0);
  EXPECT_TRUE(parts["overlong"].is_null());
}

TEST_F(ScoreCommand, KeepsTheOrderOfTheInputAndTheTypeOfIds) {
  std::string input;
  const std::vector<OrderedJson> ids = {"b", 2, "2", 1.5, "a"};
  for (const OrderedJson& id : ids)
    input += OrderedJson{{"id", id}, {"prompt", "p"}, {"story", "s"}}.dump() + "\n\n";
  ASSERT_EQ(run(input).exit_code, 0);
  const auto records = output();
  ASSERT_EQ(records.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(records[i]["id"], ids[i]);
}

TEST_F(ScoreCommand, ReadsTheTargetFromTheFieldOrThePromptAsThePresetSays) {
  const OrderedJson prompt = {{{"role", "user"}, {"content", "Write 2,000 words on fog."}}};
  std::string input;
  for (const OrderedJson& field : {OrderedJson(), OrderedJson(1000), OrderedJson(1300)})
    input +=
        OrderedJson{{"prompt", prompt}, {"story", story_of(1000)}, {"target_word_count", field}}
            .dump() +
        "\n";
  const auto lengths = [&](const std::vector<std::string>& more) {
    EXPECT_EQ(run(input, more).exit_code, 0);
    std::vector<double> penalties;
    for (const OrderedJson& record : output()) penalties.push_back(record["parts"]["length_pen"]);
    return penalties;
  };
  EXPECT_EQ(lengths({}), (std::vector{1.0 - 1000.0 / 1650.0, 0.0, 0.0}));
  EXPECT_EQ(lengths({"--set", "reward.length_rule.lower_words=[0,0]"}),
            (std::vector{0.5, 0.0, 1.0 - 1000.0 / 1300.0}));
  const double of_150_words = 1000.0 / 750.0 - 1.0;  // the published rule finds no target
  EXPECT_EQ(lengths(kFaithful), (std::vector{of_150_words, of_150_words, of_150_words}));
}

TEST_F(ScoreCommand, UnclosedThinkingIsNoStoryOrAllOfItAsThePresetSays) {
  const OrderedJson record = {{"prompt", "p"}, {"response", "<think>" + story_of(200)}};
  const OrderedJson corrected = score(record);
  EXPECT_EQ(corrected["story"], "");
  EXPECT_EQ(corrected["thinking"], story_of(200));
  EXPECT_EQ(corrected["parts"]["blank_pen"], 1.0);
  EXPECT_EQ(corrected["words"], 0);
  const OrderedJson faithful = score(record, kFaithful);
  EXPECT_EQ(faithful["story"], record["response"]);
  EXPECT_TRUE(faithful["thinking"].is_null());
  EXPECT_EQ(faithful["parts"]["blank_pen"], 0.0);
}

TEST_F(ScoreCommand, SaysWhyAnAnswerWithoutThinkingHasNoStory) {
  const std::string record = OrderedJson{{"prompt", "p"}, {"response", "The sea."}}.dump();
  const BinaryResult result = run(record);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.err.find("note: 1 response without </think>"), std::string::npos) << result.err;
  EXPECT_EQ(output().at(0)["story"], "");
  EXPECT_EQ(run(record, {"--set", "model.thinking=false"}).err, "");
  EXPECT_EQ(output().at(0)["story"], "The sea.");
}

TEST_F(ScoreCommand, TakesEmptyStoriesAndResponsesOfNothingButThinking) {
  ASSERT_EQ(run(R"({"prompt":"1000 words","story":""}
{"prompt":"1000 words","response":""}
{"prompt":"1000 words","response":"a plan</think>"})")
                .exit_code,
            0);
  EXPECT_EQ(output().size(), 3U);
  for (const OrderedJson& scored : output()) {
    EXPECT_EQ(scored["story"], "");
    EXPECT_EQ(scored["parts"]["blank_pen"], 1.0);
    EXPECT_EQ(scored["parts"]["length_pen"], 1.0);
    EXPECT_EQ(scored["parts"]["self_rep"], 0.0);
    EXPECT_TRUE(scored["reward"].is_null());
  }
}

TEST_F(ScoreCommand, ARewardWithoutWeightOnTheVerdictNeedsNoJudge) {
  const OrderedJson record = {{"prompt", "1000 words"}, {"story", ""}};
  EXPECT_DOUBLE_EQ(score(record, {"--set", "reward.story_quality=0"})["reward"].get<double>(),
                   -0.8 - 1.0);
}

TEST_F(ScoreCommand, ReadsItsOwnOutputBack) {
  const OrderedJson record = {{"prompt", "p"}, {"response", "plan</think>" + story_of(20)}};
  const OrderedJson once = score(record);
  EXPECT_EQ(score(once), once);
  OrderedJson story_only = once;
  story_only.erase("response");
  EXPECT_EQ(score(story_only), story_only) << "the thinking that stands there stays";
}

TEST_F(ScoreCommand, ReadsStandardInputAndWritesStandardOutput) {
  const BinaryResult result = run_polaris({"score", "--in", "-", "--out", "-", "--judge", "none"},
                                          R"({"prompt":"p","story":"s","origin":"reference"})");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, R"({"prompt":"p","story":"s","origin":"reference","reward":null,"parts":)"
                        R"({"story_quality":null,"self_rep":0.0,"length_pen":0.0,"blank_pen":1.0,)"
                        R"("overlong":null},"thinking":null,"words":1,"words_re":1,"failure":null})"
                        "\n");
}

TEST_F(ScoreCommand, ABadRecordIsNamedAndLeavesTheOldOutputAlone) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"prompt\":\"p\",\"story\":\"s\"}\n{\"story\":", "in.jsonl:2: not JSON"},
      {"[1]", "in.jsonl:1: the line does not hold an object"},
      {R"({"story":"s"})", "in.jsonl:1: the record has no \"prompt\""},
      {R"({"prompt":"p"})", "in.jsonl:1: the record has neither \"response\" nor \"story\""},
      {R"({"prompt":"p","story":["s"]})", "in.jsonl:1: \"story\" is not a string"},
      {R"({"prompt":"p","response":5})", "in.jsonl:1: \"response\" is not a string"},
      {R"({"prompt":"p","story":"s","target_word_count":"900"})",
       "in.jsonl:1: \"target_word_count\" is"},
      {R"({"prompt":"p","story":"s","target_word_count":0})",
       "in.jsonl:1: \"target_word_count\" is"},
      {R"({"prompt":"p","story":"s","origin":"gt"})", "in.jsonl:1: \"origin\" is neither"},
      {R"({"id":[],"prompt":"p","story":"s"})", "in.jsonl:1: \"id\" is"},
  };
  put_file(out, "old\n");
  for (const auto& [input, message] : cases) {
    const BinaryResult result = run(input);
    EXPECT_EQ(result.exit_code, 3) << input;
    EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
    EXPECT_EQ(real_file_system().read(out), "old\n");
  }
  EXPECT_EQ(real_file_system().list(folder.path()).size(), 2U) << "no temporary file is left";
}

TEST_F(ScoreCommand, NamesTheJudgesThereAre) {
  const BinaryResult result = run(R"({"prompt":"p","story":"s"})", {"--judge", "nobody"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--judge is \"nobody\"; it is one of none, lexical, http"),
            std::string::npos)
      << result.err;
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(ScoreCommand, WithAJudgeThereIsAReward) {
  const OrderedJson record = {{"prompt", "Write 300 words on fog."}, {"story", story_of(300)}};
  const OrderedJson scored = score(record, {"--judge", "lexical"});
  const OrderedJson& parts = scored["parts"];
  ASSERT_TRUE(parts["story_quality"].is_number());
  EXPECT_NEAR(
      scored["reward"].get<double>(),
      std::clamp(parts["story_quality"].get<double>() - 1.5 * parts["self_rep"].get<double>() -
                     0.8 * parts["length_pen"].get<double>() - parts["blank_pen"].get<double>(),
                 -2.0, 2.0),
      1e-12);
  EXPECT_TRUE(scored["failure"].is_null());
  const OrderedJson empty =
      score({{"prompt", "1000 words"}, {"story", ""}}, {"--judge", "lexical"});
  EXPECT_EQ(empty["parts"]["story_quality"], 0.0) << "nothing to praise, nothing to blame";
}

TEST_F(ScoreCommand, RefusesABadConfigurationAndMissingFiles) {
  const std::string record = R"({"prompt":"p","story":"s"})";
  EXPECT_EQ(run(record, {"--set", "reward.lenght=1"}).exit_code, 2);
  EXPECT_EQ(run(record, {"--config", folder / "none.toml"}).exit_code, 4);
  EXPECT_EQ(run_polaris({"score", "--in", folder / "none", "--out", out}).exit_code, 4);
  EXPECT_EQ(run_polaris({"score", "--in", in}).exit_code, 2);
}

TEST_F(ScoreCommand, TheStarterStoriesCostNearlyNothing) {
  ASSERT_EQ(run(real_file_system().read(POLARIS_SOURCE_DIR "/data/starter/train.jsonl")).exit_code,
            0);
  const auto records = output();
  EXPECT_EQ(records.size(), 38U);
  for (const OrderedJson& record : records) {
    SCOPED_TRACE(record["uid"]);
    EXPECT_EQ(record["parts"]["length_pen"], 0.0) << record["words_re"];
    EXPECT_EQ(record["parts"]["blank_pen"], 0.0);
    EXPECT_LT(record["parts"]["self_rep"].get<double>(), 0.1);
  }
}

TEST_F(ScoreCommand, HelpShowsAnExample) {
  const BinaryResult result = run_polaris({"score", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("Example: polaris score"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace polaris
