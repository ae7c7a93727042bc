#include "train/report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/temp_folder.h"
#include "eval/evaluated_story.h"
#include "train/summary.h"
#include "train/toy_run.h"

namespace polaris {
namespace {

constexpr const char* kAttack =
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>";

/// A run directory written by hand: 4 steps, two validations of three prompts.
class Report : public testing::Test {
 protected:
  Report() { std::filesystem::create_directories(run / "validation"); }

  void put(const std::string& name, std::string_view content) {
    write_atomically(run / name, content);
  }

  void put_metrics(int steps) {
    std::string lines;
    for (int step = 0; step <= steps; ++step) {
      Json line = {{"step", step},
                   {"hri/policy_reward_mean", 0.1 * step},
                   {"timing_s/step", 2.0},
                   {"timing_s/gen", 1.5},
                   {"cost/usd", 0.25}};
      if (step % 4 == 0) line["val-core/all/reward/mean@1"] = 0.5;
      lines += dump_json(line) + "\n";
    }
    put("metrics.jsonl", lines);
  }

  static Json rollout(int step, const std::string& origin, int sample, Json reward,
                      const std::string& text) {
    return {{"step", step},
            {"rows", 5},
            {"id", "p"},
            {"group", 0},
            {"sample", sample},
            {"origin", origin},
            {"tokens", {1, 2}},
            {"logprobs", Json::array()},
            {"sampled_logprobs", Json::array()},
            {"text", text},
            {"stop", "eos"},
            {"parts", {{"story_quality", 0.5}}},
            {"reward", std::move(reward)},
            {"failure", ""},
            {"advantage", 0.0},
            {"policy_version", step - 1}};
  }

  void put_rollouts(const std::string& text, int steps = 4) {
    std::string lines;
    for (int step = 1; step <= steps; ++step) {
      lines += dump_json(rollout(step, "policy", 0, 0.1, "plan</think>lowest")) + "\n";
      lines += dump_json(rollout(step, "policy", 1, nullptr, "unscored")) + "\n";
      lines += dump_json(rollout(step, "policy", 2, 0.9, "plan</think>" + text)) + "\n";
      lines += dump_json(rollout(step, "policy", 3, 0.4, "middle")) + "\n";
      lines += dump_json(rollout(step, "reference", 4, 0.8, "human")) + "\n";
    }
    put("rollouts.jsonl", lines);
  }

  void put_validation(int step, double gain) {
    std::string lines;
    for (int prompt = 0; prompt < 3; ++prompt) {
      const EvaluatedStory story{.prompt_id = fmt::format("p{}", prompt),
                                 .prompt = fmt::format("Prompt {}.", prompt),
                                 .target_words = 100,
                                 .story = fmt::format("Story {} of step {}.", prompt, step),
                                 .words = 90,
                                 .score = {.reward = 0.1 * prompt + gain * (prompt + 1)}};
      lines += dump_json(to_json(story)) + "\n";
    }
    put(fmt::format("validation/step_{}.jsonl", step), lines);
  }

  std::vector<std::string> write() {
    auto notes = write_report(run);
    page = real_file_system().read(run / "report.html");
    const std::string open = "<script type=\"application/json\" id=\"data\">";
    const std::size_t begin = page.find(open) + open.size();
    data = Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
    return notes;
  }

  TempFolder folder;
  std::filesystem::path run = folder / "run";
  std::string page;
  Json data;
};

TEST_F(Report, HoldsCurvesComparisonStoriesAndRollouts) {
  put("config.toml", "seed = 1\n");
  put_metrics(4);
  put_rollouts("best");
  put_validation(0, 0.0);
  put_validation(4, 0.2);
  write_summary(run, summarise_run(run, {}, "lexical"));
  EXPECT_EQ(write(), std::vector<std::string>{});
  EXPECT_EQ(data["run"], "run");
  EXPECT_EQ(data["steps"], Json({0, 1, 2, 3, 4}));
  EXPECT_EQ(data["series"]["val-core/all/reward/mean@1"],
            Json({0.5, nullptr, nullptr, nullptr, 0.5}));
  EXPECT_EQ(data["totals"]["timing_s/gen"], 7.5);
  EXPECT_EQ(data["summary"]["judge"], "lexical");
  EXPECT_NEAR(data["summary"]["reward"]["difference"].get<double>(), 0.4, 1e-12);
  EXPECT_EQ(data["config"], "seed = 1\n");

  EXPECT_EQ(data["before_after"]["before"]["story"], "Story 1 of step 0.");
  EXPECT_EQ(data["before_after"]["after"]["story"], "Story 1 of step 4.");

  ASSERT_EQ(data["groups"].size(), 3U);
  EXPECT_EQ(data["groups"][1]["step"], 3);
  const Json& stories = data["groups"][0]["stories"];
  ASSERT_EQ(stories.size(), 4U);
  const char* titles[] = {"reference", "best", "median", "worst"};
  const char* texts[] = {"human", "best", "lowest", "unscored"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(stories[i]["title"], titles[i]);
    EXPECT_EQ(stories[i]["story"], texts[i]);
  }
  EXPECT_EQ(stories[1]["thinking"], "plan");
}

TEST_F(Report, NoStoryCanLeaveItsPlaceInThePage) {
  put_metrics(4);
  put_rollouts("best");
  write();
  const auto count = [](const std::string& text, const std::string& what) {
    int found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  const int scripts = count(page, "<script");
  const int ends = count(page, "</script");
  put_rollouts(kAttack);
  put("config.toml", kAttack);
  write();
  EXPECT_EQ(count(page, "<script"), scripts);
  EXPECT_EQ(count(page, "</script"), ends);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(data["groups"][0]["stories"][1]["story"], kAttack);  // and it can still be read
  EXPECT_EQ(data["config"], kAttack);
}

TEST_F(Report, LoadsNothingFromElsewhere) {
  put_metrics(4);
  write();
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* load : {"<link", " src=", "@import", "url(http", "fetch(", "XMLHttpRequest"})
    EXPECT_EQ(page.find(load), std::string::npos) << load;
  for (const char* mark : {"{{style}}", "{{data}}", "{{chart}}", "{{script}}"})
    EXPECT_EQ(page.find(mark), std::string::npos) << mark;
  EXPECT_NE(page.find("Chart.js v"), std::string::npos);
  EXPECT_NE(page.find("Released under the MIT License"), std::string::npos);
}

TEST_F(Report, SaysWhatIsMissing) {
  const auto notes = write();
  EXPECT_EQ(notes,
            (std::vector<std::string>{"metrics.jsonl is not there",
                                      "summary.json is not there: it is written when training ends",
                                      "rollouts.jsonl is not there", "config.toml is not there"}));
  EXPECT_EQ(data["notes"], Json(notes));
  EXPECT_EQ(data["groups"], Json::array());
  EXPECT_THROW(write_report(folder / "nowhere"), Error);
}

TEST_F(Report, ReadsWhatIsWholeOfTornAndDamagedFiles) {
  put("config.toml", "");
  put("metrics.jsonl",
      "{\"step\":1,\"hri/weight\":0.1}\n{broken}\n{\"no\":1}\n"
      "{\"step\":2,\"hri/weight\":0.2}\n{\"step\":3,\"hri");
  put("rollouts.jsonl", "[]\n{\"step\":1}\n{\"step\":1,\"rows\"");
  put("summary.json", "{\"validation\":");
  const auto notes = write();
  EXPECT_EQ(data["series"]["hri/weight"], Json({0.1, 0.2}));
  ASSERT_EQ(notes.size(), 5U);
  EXPECT_NE(notes[0].find("metrics.jsonl: 2 line(s) could not be read"), std::string::npos);
  EXPECT_NE(notes[0].find("metrics.jsonl:2"), std::string::npos) << notes[0];
  EXPECT_EQ(notes[1], "metrics.jsonl ends within a line, which is left out");
  EXPECT_NE(notes[2].find("summary.json"), std::string::npos);
  EXPECT_NE(notes[3].find("rollouts.jsonl: 2 line(s)"), std::string::npos);
  EXPECT_EQ(data["summary"], nullptr);
}

TEST_F(Report, IsBoundedHoweverLongTheRunAndItsStories) {
  put_metrics(3000);
  put_rollouts(std::string(3 << 20, 'a'), /*steps=*/1);
  const auto notes = write();
  EXPECT_LT(page.size(), 1U << 20);
  EXPECT_LE(data["steps"].size(), 501U);  // every seventh and the last: too many validations
  EXPECT_EQ(data["steps"].back(), 3000);
  EXPECT_EQ(data["groups"][0]["stories"][1]["cut"], true);
  EXPECT_NE(std::ranges::find(notes, "curves show one step in 7; metrics.jsonl has all"),
            notes.end());
}

TEST_F(Report, KeepsEveryValidationOfALongRun) {
  put_metrics(1600);  // 401 of them
  write();
  const Json& series = data["series"]["val-core/all/reward/mean@1"];
  EXPECT_EQ(std::ranges::count(series, Json(0.5)), 401);
  EXPECT_LT(data["steps"].size(), 1000U);
}

TEST_F(Report, OfARehearsalHasItsCurvesAndRollouts) {
  ToyRun toy;
  toy.run_dir = run;
  toy.config.data.prompts_per_step = 2;
  toy.config.train.steps = 3;
  toy.config.hri.warmup_steps = 1;
  toy.prompts = ToyRun::made_up_prompts(4, "train");
  toy.validation_prompts = ToyRun::made_up_prompts(3, "val");
  toy.start();
  write();
  for (const char* name : {"hri/policy_reward_mean", "hri/gt_reward_mean", "hri/weight",
                           "hri_split/policy_response_length/mean", "hri/gt_minus_policy_best",
                           "reward_comp_policy/story_quality_mean", "actor/grad_norm"})
    EXPECT_TRUE(data["series"].contains(name)) << name;
  EXPECT_EQ(data["groups"].size(), 3U);
  EXPECT_TRUE(data["before_after"].is_object());
}

TEST_F(Report, SummaryComparesTheFirstValidationWithTheLast) {
  put_metrics(4);
  put_validation(0, 0.0);
  put_validation(2, 7.0);
  put_validation(4, 0.2);
  const Json summary = to_json(summarise_run(run, {}, "lexical"));
  EXPECT_EQ(summary["steps"], 4);
  EXPECT_EQ(summary["seconds"]["step"], 10.0);
  EXPECT_EQ(summary["cost_usd"], 1.25);
  EXPECT_EQ(summary["validation"]["after_step"], 4);
  const Json& reward = summary["reward"];
  EXPECT_NEAR(reward["before"].get<double>(), 0.1, 1e-12);
  EXPECT_NEAR(reward["after"].get<double>(), 0.5, 1e-12);
  ASSERT_EQ(reward["difference_interval"].size(), 2U);
  EXPECT_NEAR(reward["difference_interval"][0].get<double>(), 0.2, 1e-9);
  EXPECT_NEAR(reward["difference_interval"][1].get<double>(), 0.6, 1e-9);
  EXPECT_EQ(summary["length_ratio"]["difference"], 0.0);
  EXPECT_FALSE(summary.contains("story_quality"));  // was computed for no story
}

TEST_F(Report, SummaryOfARunWithoutTwoValidationsComparesNothing) {
  put_metrics(4);
  put_validation(0, 0.0);
  const Json summary = to_json(summarise_run(run, {}, "none"));
  EXPECT_FALSE(summary.contains("reward"));
  EXPECT_EQ(summary["steps"], 4);
}

}  // namespace
}  // namespace polaris
