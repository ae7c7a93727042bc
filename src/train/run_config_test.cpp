#include "train/run_config.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "base/file_system.h"
#include "train/rollout_engines.h"

namespace polaris {
namespace {

RunConfig read(const std::string& toml) {
  return read_config<RunConfig>(ConfigSource::from_text(toml, "run.toml"));
}

std::string refusal(const std::string& toml) {
  try {
    read(toml);
  } catch (const Error& e) {
    return e.what();
  }
  return "(accepted)";
}

/// The TOML block of specs/config.md: all keys with their defaults.
ConfigSource specification() {
  const std::string page = real_file_system().read(POLARIS_SOURCE_DIR "/specs/config.md");
  const std::string fence = "```toml\n";
  const auto begin = page.find(fence) + fence.size();
  return ConfigSource::from_text(page.substr(begin, page.find("```", begin) - begin), "config.md");
}

TEST(RunConfig, DefaultsAreThoseOfTheSpecificationKeyByKey) {
  RunConfig defaults;
  const ConfigSource source = specification();
  RunConfig specified = read_config<RunConfig>(source);
  const FieldList ours = list_fields(defaults);
  EXPECT_EQ(show_config(list_fields(specified), ours), show_config(ours, ours));
  std::vector<std::string> not_specified;
  for (const ConfigField& field : ours.all()) {
    if (!source.values().contains(field.path) && !field.path.starts_with("eval.judge."))
      not_specified.push_back(field.path);
  }
  // The specification names these three with their defaults elsewhere, among the samplers.
  EXPECT_EQ(not_specified,
            (std::vector<std::string>{"rollout.dry_base", "rollout.dry_allowed_length",
                                      "rollout.dry_range"}));
}

// "key = default   # ...   P: value" is what the `faithful` preset sets.
TEST(RunConfig, PaperPresetSetsWhatTheSpecificationMarks) {
  ConfigSource marked = specification();
  std::istringstream page(real_file_system().read(POLARIS_SOURCE_DIR "/specs/config.md"));
  std::string section;
  int marks = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1) + ".";
    const auto mark = line.find("P: ");
    const auto equals = line.find(" = ");
    if (mark == std::string::npos || equals == std::string::npos || equals > mark) continue;
    const std::string value = line.substr(mark + 3, line.find(' ', mark + 3) - mark - 3);
    marked.set(section + line.substr(0, equals) + "=" + value);
    ++marks;
  }
  EXPECT_EQ(marks, 17);
  RunConfig expected = read_config<RunConfig>(marked);
  RunConfig paper = read_config<RunConfig>(
      ConfigSource::from_file(POLARIS_SOURCE_DIR "/configs/polaris_9b_paper.toml"));
  paper.model.path = expected.model.path;  // where it is, and who is asked, is not the recipe
  paper.judge.kind = expected.judge.kind;
  paper.judge.dialect = expected.judge.dialect;
  paper.judge.model = expected.judge.model;
  paper.judge.api_key_env = expected.judge.api_key_env;
  paper.judge.tier = expected.judge.tier;
  const FieldList specified = list_fields(expected);
  EXPECT_EQ(show_config(list_fields(paper), specified), show_config(specified, specified));
}

TEST(RunConfig, DefaultsHaveNoKeyThatIsOutOfRange) {
  RunConfig defaults;
  const std::string shown = show_config(list_fields(defaults), list_fields(defaults));
  EXPECT_EQ(refusal(shown), "(accepted)");
  EXPECT_EQ(shown.find("[default:"), std::string::npos);
}

TEST(RunConfig, EveryKeyHasAHelpText) {
  RunConfig config;
  const FieldList list = list_fields(config);
  EXPECT_GT(list.all().size(), 150U);
  for (const ConfigField& field : list.all()) EXPECT_FALSE(field.help.empty()) << field.path;
}

TEST(RunConfig, RulesOverSeveralKeys) {
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(
      contains(refusal("learner.accumulate = \"as_scored\"\nloss.normaliser = \"pair_mean\""),
               "when_complete"));
  EXPECT_TRUE(contains(refusal("rollout.presence_penalty = 0.5"), "twice"));
  EXPECT_EQ(refusal("rollout.presence_penalty = 0.5\nrollout.repetition_penalty = 1"),
            "(accepted)");
  EXPECT_TRUE(contains(refusal("rollout.group_size = 2"), "hri.enabled = false"));
  EXPECT_EQ(refusal("rollout.group_size = 2\nhri.enabled = false"), "(accepted)");
  EXPECT_TRUE(contains(refusal("rollout.engine = \"remote\""), "rollout.remote.base_url"));
  EXPECT_TRUE(contains(refusal("judge.kind = \"http\""), "needs its model"));
  EXPECT_TRUE(contains(refusal("judge.kind = \"http\"\njudge.model = \"m\""), "base_url"));
  EXPECT_TRUE(contains(refusal("eval.judge.kind = \"replay\""), "recorded answers"));
  EXPECT_TRUE(contains(refusal("eval.buckets = [3, 2]"), "must rise"));
  EXPECT_TRUE(contains(refusal("device.name = \"gpu\""), "cuda:N"));
  EXPECT_EQ(refusal("device.name = \"cuda:1\""), "(accepted)");
  EXPECT_TRUE(contains(refusal("optimizer.betas = [1.0, 0.9]"), "below 1"));
  EXPECT_TRUE(contains(refusal("reward.length_rule.lower_words = [2, 1]"), "at least, at most"));
}

TEST(CheckTrainable, NarrowSamplingNeedsImportanceWeights) {
  RunConfig config;
  EXPECT_NO_THROW(check_trainable(config));
  config.rollout.weight_dtype = RolloutDtype::kInt8;
  try {
    check_trainable(config);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("importance_weights"), std::string::npos) << e.what();
  }
  config.loss.importance_weights = ImportanceWeights::kTruncated;
  EXPECT_NO_THROW(check_trainable(config));
}

TEST(RunConfig, KeysWithoutEffectAreReported) {
  RunConfig defaults;
  RunConfig config = read("rollout.remote.base_url = \"http://localhost:8000/v1\"");
  const auto notes = keys_without_effect(list_fields(config), list_fields(defaults));
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0],
            "rollout.remote.base_url = \"http://localhost:8000/v1\" has no effect: "
            "rollout.engine = local");
}

TEST(RunConfig, ShippedConfigurationsAreAccepted) {
  for (const FolderEntry& entry : real_file_system().list(POLARIS_SOURCE_DIR "/configs")) {
    SCOPED_TRACE(entry.name);
    RunConfig defaults;
    RunConfig config = read_config<RunConfig>(
        ConfigSource::from_file(POLARIS_SOURCE_DIR "/configs/" + entry.name));
    EXPECT_TRUE(keys_without_effect(list_fields(config), list_fields(defaults)).empty());
  }
}

TEST(JudgePanel, AnEntryIsTheFirstJudgeWithOtherKeys) {
  const auto config = read_config<RunConfig>(ConfigSource::from_text(R"(
[judge]
kind = "http"
base_url = "http://localhost/v1"
model = "a"
budget_usd = 3
panel = ["model=b temperature=0.7", 'model=c dialect=gemini base_url="" api_key_env=KEY']
)",
                                                                     "test"));
  const auto judges = judges_of(config.judge);
  ASSERT_EQ(judges.size(), 3U);
  EXPECT_EQ(judges[0].model, "a");
  EXPECT_EQ(judges[1].model, "b");
  EXPECT_EQ(judges[1].temperature, 0.7);
  EXPECT_EQ(judges[1].base_url, "http://localhost/v1");
  EXPECT_EQ(judges[2].dialect, JudgeDialect::kGemini);
  EXPECT_EQ(judges[2].base_url, "");
  EXPECT_EQ(judges[2].temperature, 0.2);
  EXPECT_EQ(judges[2].budget_usd, 3);
  for (const JudgeConfig& one : judges) EXPECT_TRUE(one.panel.empty());
}

TEST(JudgePanel, AWrongEntryIsNamed) {
  const auto contains = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const auto refusal_of = [](const std::string& entry) {
    return refusal(
        "judge.kind = \"http\"\njudge.base_url = \"http://h/v1\"\njudge.model = \"a\"\n"
        "judge.panel = [\"" +
        entry + "\"]");
  };
  EXPECT_TRUE(contains(refusal_of("modle=b"), "judge.panel, \"modle=b\""));
  EXPECT_TRUE(contains(refusal_of("modle=b"), "model"));
  EXPECT_TRUE(contains(refusal_of(""), "name the keys"));
  EXPECT_TRUE(contains(refusal_of("model=b budget_usd=1"), "budget_usd is the same"));
  EXPECT_TRUE(contains(refusal_of("model=b temperature=9"), "vendors refuse more"));
  EXPECT_TRUE(contains(refusal_of("b"), "judge.panel"));
}

}  // namespace
}  // namespace polaris
