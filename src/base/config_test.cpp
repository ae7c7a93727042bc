#include "base/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

enum class Shape { kRound, kSquare };
std::vector<std::string> enum_names(Shape) { return {"round", "square"}; }

struct PullConfig {
  bool enabled = true;
  double weight = 0.4;
  std::int64_t steps = 15;
  Shape shape = Shape::kRound;

  void fields(FieldList& list) {
    list("enabled", enabled, "pull at all");
    list("weight", weight, "how hard",
         unused_if(!enabled, "pull.enabled = false", between(0, 1, "it is a share")));
    list("steps", steps, "how long", changeable(at_least(0, "it counts steps")));
    list("shape", shape, "of the curve");
  }
  void validate() const {
    if (enabled && weight == 0.0 && steps == 0)
      throw Error(ErrorCode::kInvalidConfig, "a pull of nothing for no time");
  }
};

struct DeepConfig {
  std::vector<std::string> names = {"a", "b"};
  void fields(FieldList& list) { list("names", names, "whose"); }
};

struct OuterConfig {
  std::string remark;
  void fields(FieldList& list) {
    list("remark", remark, "free text");
    list("deep", deep, "");
  }
  DeepConfig deep;
};

struct WholeConfig {
  std::int64_t seed = 7;
  std::array<double, 2> betas = {0.9, 0.999};
  std::array<std::int64_t, 2> words = {350, 1000};
  std::vector<std::int64_t> edges = {1, 2};
  PullConfig pull;
  OuterConfig outer;

  void fields(FieldList& list) {
    list("seed", seed, "of everything");
    list("betas", betas, "two numbers", {.range = between(0, 1, "they average")});
    list("words", words, "two whole numbers");
    list("edges", edges, "rising");
    list("pull", pull, "");
    list("outer", outer, "", unused_if(seed == 0, "seed = 0"));
  }
};

WholeConfig read(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  ConfigSource source = ConfigSource::from_text(toml, "run.toml");
  for (const std::string& assignment : overrides) source.set(assignment);
  return read_config<WholeConfig>(source);
}

std::string refusal(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  try {
    read(toml, overrides);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidConfig);
    return e.what();
  }
  return "(accepted)";
}

TEST(Config, GivenKeysAreReadAndAbsentOnesKeepTheirDefaults) {
  const WholeConfig config = read(R"(
    seed = 1
    betas = [0.5, 1]
    words = [1, 2]
    edges = []
    [pull]
    weight = 1
    shape = "square"
    [outer.deep]
    names = ["x"]
  )");
  EXPECT_EQ(config.seed, 1);
  EXPECT_EQ(config.betas, (std::array{0.5, 1.0}));
  EXPECT_EQ(config.words[1], 2);
  EXPECT_TRUE(config.edges.empty());
  EXPECT_EQ(config.pull.weight, 1.0);
  EXPECT_EQ(config.pull.steps, 15);
  EXPECT_EQ(config.pull.shape, Shape::kSquare);
  EXPECT_EQ(config.outer.deep.names, std::vector<std::string>{"x"});
}

TEST(Config, UnknownKeyIsRefusedWithItsLineAndTheNearestKnownOne) {
  EXPECT_EQ(refusal("\n[pull]\nwieght = 0.2\n"),
            "run.toml:3: unknown key pull.wieght; did you mean pull.weight?");
  EXPECT_EQ(refusal("nothing_like_it = 1"), "run.toml:1: unknown key nothing_like_it");
  EXPECT_EQ(refusal("[pul]\n"), "run.toml:1: unknown section [pul]; did you mean pull?");
  EXPECT_EQ(refusal("pull = 3"), "run.toml:1: pull is a section, not a value");
  EXPECT_EQ(refusal("[seed]\n"), "run.toml:1: seed is a value, not a section");
}

TEST(Config, WrongTypesAreRefused) {
  EXPECT_EQ(refusal("seed = 1.5"), "run.toml:1: seed must be a whole number");
  EXPECT_EQ(refusal("seed = \"1\""), "run.toml:1: seed must be a whole number");
  EXPECT_EQ(refusal("pull.enabled = 1"), "run.toml:1: pull.enabled must be true or false");
  EXPECT_EQ(refusal("pull.weight = nan"), "run.toml:1: pull.weight must be a finite number");
  EXPECT_EQ(refusal("betas = [0.1]"), "run.toml:1: betas must be a list of two numbers");
  EXPECT_EQ(refusal("words = [1, 2.5]"), "run.toml:1: words must be a list of two whole numbers");
  EXPECT_EQ(refusal("edges = [\"a\"]"), "run.toml:1: edges must be a list of whole numbers");
  EXPECT_EQ(refusal("outer.remark = 1979-05-27"),
            "run.toml:1: outer.remark is a date or time; no key takes one");
  EXPECT_EQ(refusal("pull.shape = \"oval\""),
            "run.toml:1: pull.shape must be one of round, square, not \"oval\"");
}

TEST(Config, NumbersOutOfRangeAreRefusedWithTheReason) {
  EXPECT_EQ(refusal("pull.weight = 1.5"),
            "run.toml:1: pull.weight is 1.5; it must be in [0, 1]: it is a share");
  EXPECT_EQ(refusal("pull.steps = -1"),
            "run.toml:1: pull.steps is -1; it must be at least 0: it counts steps");
  EXPECT_EQ(refusal("betas = [0.5, 2]"),
            "run.toml:1: betas is 2; it must be in [0, 1]: they average");
}

TEST(Config, RulesOverSeveralKeysNameTheFile) {
  EXPECT_EQ(refusal("pull.weight = 0\npull.steps = 0"), "run.toml: a pull of nothing for no time");
}

TEST(Config, SyntaxErrorsNameLineAndColumn) {
  const std::string message = refusal("seed = 1\n[pull\n");
  EXPECT_TRUE(message.starts_with("run.toml:2: column ")) << message;
}

TEST(Config, SetOverridesTheFileWithBareWordsAsStrings) {
  const WholeConfig config =
      read("seed = 1", {"seed=2", "pull.shape=square", "outer.remark = two words", "edges=[3, 4]",
                        "pull.enabled=false"});
  EXPECT_EQ(config.seed, 2);
  EXPECT_EQ(config.pull.shape, Shape::kSquare);
  EXPECT_EQ(config.outer.remark, "two words");
  EXPECT_EQ(config.edges, (std::vector<std::int64_t>{3, 4}));
  EXPECT_FALSE(config.pull.enabled);
}

TEST(Config, BadSetIsRefused) {
  EXPECT_EQ(refusal("", {"seed"}), "--set seed: write it as section.key=value");
  EXPECT_EQ(refusal("", {"=1"}), "--set =1: write it as section.key=value");
  EXPECT_EQ(refusal("", {"seeed=1"}), "--set seeed: unknown key seeed; did you mean seed?");
  EXPECT_EQ(refusal("", {"seed=1\nedges=[]"}), "--set seed: give one value at a time");
  EXPECT_EQ(refusal("", {"edges=[1"}), "--set edges: \"[1\" is not a TOML value");
  EXPECT_EQ(refusal("", {"seed=one"}), "--set seed: seed must be a whole number");
}

TEST(Config, AKeyOfAMillionPartsIsRefusedNotFollowed) {
  std::string bomb = "a";
  for (int i = 0; i < 1'000'000; ++i) bomb += ".a";
  EXPECT_EQ(refusal(bomb + " = 1"), "run.toml:1: a key of more than 32 parts");
  EXPECT_EQ(refusal("\n[" + bomb + "]"), "run.toml:2: a key of more than 32 parts");
  EXPECT_EQ(refusal("x = {" + bomb + " = 1}"), "run.toml:1: a key of more than 32 parts");

  std::string prose = "outer.remark = \"";  // dots in strings and comments are no keys
  for (int i = 0; i < 100; ++i) prose += "word. \\\" ";
  EXPECT_EQ(refusal(prose + "\"  # ...................................."), "(accepted)");
  EXPECT_EQ(refusal("outer.remark = '''\n....................................\n'''"), "(accepted)");
}

TEST(Config, ShownTextReadsBackToTheSameConfiguration) {
  WholeConfig config = read(R"(
    seed = 9
    [pull]
    weight = 0.1
    [outer]
    remark = "tab\t quote\" back\\slash \u0001 é"
  )");
  WholeConfig defaults;
  const std::string text = show_config(list_fields(config), list_fields(defaults));
  WholeConfig again = read(text);
  EXPECT_EQ(again.outer.remark, config.outer.remark);
  EXPECT_EQ(show_config(list_fields(again), list_fields(defaults)), text);
  EXPECT_NE(text.find("weight = 0.1 "), std::string::npos);
  EXPECT_NE(text.find("[default: 0.4]"), std::string::npos);
  EXPECT_NE(text.find("(round | square)"), std::string::npos);
  EXPECT_NE(text.find("at least 0; may change on resume"), std::string::npos);
}

TEST(Config, ChangedKeysWithoutEffectAreReported) {
  WholeConfig defaults;
  WholeConfig config = read("[pull]\nenabled = false\nweight = 0.3\n");
  EXPECT_EQ(keys_without_effect(list_fields(config), list_fields(defaults)),
            std::vector<std::string>{"pull.weight = 0.3 has no effect: pull.enabled = false"});
  config = read("seed = 0\n[outer]\nremark = \"x\"\n");  // a whole section
  EXPECT_EQ(keys_without_effect(list_fields(config), list_fields(defaults)),
            std::vector<std::string>{"outer.remark = \"x\" has no effect: seed = 0"});
  config = read("[pull]\nenabled = false\nweight = 0.4\n");  // written out, but the default
  EXPECT_TRUE(keys_without_effect(list_fields(config), list_fields(defaults)).empty());
}

TEST(Config, OnlyChangeableKeysMayDiffer) {
  WholeConfig before = read("");
  WholeConfig now = read("seed = 8\n[pull]\nsteps = 1\nweight = 0.5\n");
  EXPECT_EQ(fixed_keys_changed(list_fields(before), list_fields(now)),
            (std::vector<std::string>{"seed was 7, is 8", "pull.weight was 0.4, is 0.5"}));
}

TEST(Config, MissingFilesAndFoldersAreNamed) {
  const TempFolder folder;
  for (const auto& path : {folder / "absent.toml", folder.path()}) {
    try {
      ConfigSource::from_file(path);
      FAIL();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kIo);
      EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos);
    }
  }
}

TEST(Config, InputsAreFoundFromTheFolderAboveTheConfig) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "configs");
  std::filesystem::create_directories(folder / "data");
  std::ofstream(folder / "data/train.jsonl") << "\n";
  const auto config = folder / "configs/run.toml";
  EXPECT_EQ(find_input("data/train.jsonl", config), folder / "data/train.jsonl");
  EXPECT_EQ(find_input(folder / "data/train.jsonl", config), folder / "data/train.jsonl");
  try {
    find_input("data/absent.jsonl", config);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kIo);
    EXPECT_NE(std::string(e.what()).find((folder / "data/absent.jsonl").string()),
              std::string::npos);
  }
}

}  // namespace
}  // namespace polaris
