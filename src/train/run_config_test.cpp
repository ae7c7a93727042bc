#include "train/run_config.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file_system.h"

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

// tests/golden/config/corrected.toml is the specification of the keys: all of them, with their
// defaults.
TEST(RunConfig, DefaultsAreThoseOfTheSpecificationKeyByKey) {
  RunConfig defaults;
  RunConfig specified =
      read_config<RunConfig>(ConfigSource::from_file(POLARIS_GOLDEN_DIR "/config/corrected.toml"));
  const ConfigSource source = ConfigSource::from_file(POLARIS_GOLDEN_DIR "/config/corrected.toml");
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
  EXPECT_TRUE(contains(refusal("rollout.weight_dtype = \"int8\""), "importance_weights"));
  EXPECT_EQ(refusal("rollout.weight_dtype = \"int8\"\nloss.importance_weights = \"truncated\""),
            "(accepted)");
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

}  // namespace
}  // namespace polaris
