#include "judge/replay_judge.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/temp_folder.h"
#include "judge/fake_judge.h"
#include "judge/judge_testing.h"
#include "judge/make_judge.h"
#include "judge/panel_judge.h"

namespace polaris {
namespace {

const JudgeSetup& setup() {
  static const JudgeSetup kSetup = {.rubric = shipped_rubric(), .run_id = "run"};
  return kSetup;
}

JudgeReply ask(Judge& judge, JudgeRequest request) {
  std::optional<JudgeReply> reply;
  judge.submit(std::move(request), [&](JudgeReply given) { reply = std::move(given); });
  EXPECT_TRUE(reply);
  return reply.value_or(JudgeReply{});
}

const JudgeRequest kRequest = {
    .uid = "s1", .prompt = "A boat. It should be 100 words long.", .story = "Mara went. She sang."};

/// A judge of one answer.
class OneAnswer : public Judge {
 public:
  explicit OneAnswer(JudgementRecord record) : record_(std::move(record)) {}
  void submit(JudgeRequest request, OnReply on_reply) override {
    JudgeReply reply{.cost_usd = 0.25};
    const Grade grade = grade_answer({.text = record_.raw_text}, request.story, setup().rubric, {});
    put_grade(grade, reply);
    JudgementRecord record = record_;
    record.prompt_hash = prompt_hash(request, {}, setup());
    put_grade(grade, setup(), record);
    reply.records.push_back(std::make_shared<JudgementRecord>(std::move(record)));
    on_reply(std::move(reply));
  }

 private:
  JudgementRecord record_;
};

TEST(ReplayJudge, GivesWhatWasRecordedForTheSamePromptAndStory) {
  const TempFolder folder;
  {
    RecordJudge recording(
        std::make_unique<OneAnswer>(JudgementRecord{.raw_text = answer_with(7).dump()}),
        folder / "r.jsonl", {}, setup());
    ask(recording, kRequest);
  }
  ReplayJudge replay(folder / "r.jsonl", {}, setup());
  const JudgeReply reply = ask(replay, kRequest);
  ASSERT_TRUE(reply.verdict);
  EXPECT_EQ(reply.verdict->positive[1], 7);
  EXPECT_EQ(reply.cost_usd, 0.0) << "nobody was asked";
  EXPECT_TRUE(reply.cached);
  ASSERT_EQ(reply.records.size(), 1U);
  EXPECT_EQ(reply.records[0]->raw_text, answer_with(7).dump());
}

TEST(ReplayJudge, AStoryThatIsNotThereIsAFailureThatSaysSo) {
  const TempFolder folder;
  std::ofstream(folder / "r.jsonl") << "";
  ReplayJudge replay(folder / "r.jsonl", {}, setup());
  const JudgeReply reply = ask(replay, kRequest);
  EXPECT_FALSE(reply.verdict);
  EXPECT_EQ(reply.failure, JudgeFailure::kTransport);
  EXPECT_NE(reply.message.find("r.jsonl has no recorded answer"), std::string::npos);
}

TEST(ReplayJudge, RecordedFailuresStayFailures) {
  const TempFolder folder;
  const std::string hash = prompt_hash(kRequest, {}, setup());
  {
    JsonlWriter writer(folder / "r.jsonl");
    for (const auto& [text, failure] :
         {std::pair{"", JudgeFailure::kTimeout}, std::pair{"{\"a\":", JudgeFailure::kTruncated},
          std::pair{"I cannot", JudgeFailure::kRefused}})
      writer.write(to_json({.prompt_hash = hash, .raw_text = text, .failure = failure}));
  }
  ReplayJudge replay(folder / "r.jsonl", {}, setup());
  const JudgeFailure expected[] = {JudgeFailure::kTimeout, JudgeFailure::kTruncated,
                                   JudgeFailure::kRefused, JudgeFailure::kTransport};
  for (int repeat = 0; repeat < 4; ++repeat) {
    JudgeRequest request = kRequest;
    request.repeat = repeat;
    EXPECT_EQ(ask(replay, request).failure, expected[repeat]) << repeat;
  }
}

TEST(ReplayJudge, RefusesALineThatIsNoRecord) {
  const TempFolder folder;
  std::ofstream(folder / "r.jsonl") << "{\"id\": 1}\n";
  try {
    ReplayJudge replay(folder / "r.jsonl", {}, setup());
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("r.jsonl:1"), std::string::npos) << e.what();
  }
}

TEST(RecordJudge, AReplyThatCannotBeRecordedStopsTheRun) {
  const TempFolder folder;
  RecordJudge recording(std::make_unique<OneAnswer>(JudgementRecord{.raw_text = "{}"}), "/dev/full",
                        {}, setup());
  const JudgeReply reply = ask(recording, kRequest);
  ASSERT_TRUE(reply.stop);
  EXPECT_EQ(reply.stop->code(), ErrorCode::kIo);
}

TEST(PanelJudge, TheMeanOfAllVerdictsCounts) {
  std::vector<std::unique_ptr<Judge>> members;
  for (const int points : {2, 6})
    members.push_back(
        std::make_unique<OneAnswer>(JudgementRecord{.raw_text = answer_with(points).dump()}));
  PanelJudge panel(std::move(members), 2);
  const JudgeReply reply = ask(panel, kRequest);
  ASSERT_TRUE(reply.verdict);
  EXPECT_EQ(reply.further.size(), 3U);
  EXPECT_EQ(reply.records.size(), 4U);
  EXPECT_EQ(reply.cost_usd, 1.0);
  EXPECT_EQ(reply.attempts, 4);
  const double of_2 = 6 * 2 - 10 * 2;
  const double of_6 = 6 * 6 - 10 * 6;
  const Spread spread = spread_of(reply, {});
  EXPECT_EQ(spread.count, 4);
  EXPECT_DOUBLE_EQ(spread.mean, (of_2 + of_6) / 2);
  EXPECT_DOUBLE_EQ(spread.sd, std::sqrt((of_6 - of_2) * (of_6 - of_2) / 3));
}

TEST(PanelJudge, EveryRepeatIsAnotherQuestion) {
  std::vector<int> asked;
  std::vector<std::unique_ptr<Judge>> members;
  members.push_back(std::make_unique<FakeJudge>([&](const JudgeRequest& request) {
    asked.push_back(request.repeat);
    return std::optional(JudgeFailure::kTimeout);
  }));
  PanelJudge panel(std::move(members), 3);
  JudgeRequest request = kRequest;
  ask(panel, request);
  request.repeat = 1;
  ask(panel, request);
  EXPECT_EQ(asked, (std::vector{0, 1, 2, 3, 4, 5}));
}

TEST(PanelJudge, AMemberWithoutAVerdictIsLeftOutAndNamed) {
  std::vector<std::unique_ptr<Judge>> members;
  members.push_back(
      std::make_unique<FakeJudge>([](const JudgeRequest& request) -> std::optional<JudgeFailure> {
        if (request.repeat == 0) return JudgeFailure::kRefused;
        return std::nullopt;
      }));
  PanelJudge panel(std::move(members), 3);
  JudgeRequest request = kRequest;
  request.story = "30";
  const JudgeReply reply = ask(panel, request);
  ASSERT_TRUE(reply.verdict);
  EXPECT_FALSE(reply.failure);
  EXPECT_EQ(reply.further.size(), 1U);
  EXPECT_EQ(reply.flags, std::vector<std::string>{"members_missing:1"});
  EXPECT_DOUBLE_EQ(spread_of(reply, {}).mean, 30) << "of two, not of three";
}

TEST(PanelJudge, WithoutAnyVerdictItFails) {
  std::vector<std::unique_ptr<Judge>> members;
  members.push_back(std::make_unique<FakeJudge>(
      [](const JudgeRequest&) { return std::optional(JudgeFailure::kEmpty); }));
  PanelJudge panel(std::move(members), 2);
  const JudgeReply reply = ask(panel, kRequest);
  EXPECT_FALSE(reply.verdict);
  EXPECT_EQ(reply.failure, JudgeFailure::kEmpty);
}

TEST(MakeJudge, NobodyJudgesWhereTheKindIsNone) {
  const auto judge = make_judge({.kind = JudgeKind::kNone}, setup());
  const JudgeReply reply = ask(*judge, kRequest);
  EXPECT_FALSE(reply.verdict);
  EXPECT_FALSE(reply.failure);
}

TEST(MakeJudge, ARecordedLexicalRunReplaysToTheSameVerdicts) {
  const TempFolder folder;
  const JudgeConfig lexical = {.repeats = 2, .record = (folder / "r.jsonl").string()};
  const JudgeReply reply = ask(*make_judge(lexical, setup()), kRequest);
  ASSERT_TRUE(reply.verdict);
  JudgeConfig replay = {.kind = JudgeKind::kReplay, .replay = (folder / "r.jsonl").string()};
  const JudgeReply again = ask(*make_judge(replay, setup()), kRequest);
  ASSERT_TRUE(again.verdict) << again.message;
  EXPECT_EQ(again.verdict->positive, reply.verdict->positive);
  EXPECT_EQ(again.verdict->negative, reply.verdict->negative);
  EXPECT_EQ(again.verdict->bonus, reply.verdict->bonus);
  EXPECT_EQ(again.records[0]->judge.provider, "lexical");
}

TEST(MakeJudge, AKeyThatIsNotSetIsNamed) {
  try {
    make_judge({.kind = JudgeKind::kHttp,
                .base_url = "http://localhost/v1",
                .model = "m",
                .api_key_env = "POLARIS_NO_SUCH_KEY"},
               setup());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidConfig);
    EXPECT_NE(std::string(e.what()).find("POLARIS_NO_SUCH_KEY"), std::string::npos);
  }
}

}  // namespace
}  // namespace polaris
