#include "judge/prices.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/error.h"
#include "base/temp_folder.h"
#include "judge/judge_testing.h"

namespace polaris {
namespace {

const PriceTable& shipped() {
  static const PriceTable kTable = PriceTable::load(POLARIS_SOURCE_DIR "/assets/prices.json");
  return kTable;
}

PriceTable table(const std::string& json) {
  const TempFolder folder;
  std::ofstream(folder / "prices.json") << json;
  return PriceTable::load(folder / "prices.json");
}

std::optional<double> cost_of_1000_and_500(const std::string& model, JudgeTier tier) {
  return shipped().cost_usd({.input_tokens = 1000, .output_tokens = 500}, model, tier);
}

// golden/eval `resolve_price_*`: the reference's own, older table. What is compared is the finding
// of models and tiers, for the models that both tables price alike.
TEST(PriceTable, FindsTheModelsOfTheGoldenCases) {
  const std::set<std::string> elsewhere = {
      "price/openai_gpt-5.2_standard",     // no such tier; the reference falls back to default
      "price/openai_gpt-5.4_default",      // the reference does not know its own judge's price
      "price/openai_gpt-5-nano_priority",  // not in specs/evaluation.md 10.7
      "price/openai_gpt-4o-2024-05-13_batch",
      "price/openai_gpt-4o-2024-08-06_default",
      "price/vertex_gemini-2.5-pro_online_weird",  // no such tier
      "price/override_default",                    // overrides have another form
  };
  const std::map<std::string, JudgeTier> tiers = {{"default", JudgeTier::kDefault},
                                                  {"standard", JudgeTier::kDefault},
                                                  {"flex", JudgeTier::kFlex},
                                                  {"batch", JudgeTier::kFlex},
                                                  {"priority", JudgeTier::kPriority}};
  auto cases = golden_eval_cases("resolve_price_openai");
  for (auto& c : golden_eval_cases("resolve_price_vertex")) cases.push_back(c);
  int compared = 0;
  for (const OrderedJson& c : cases) {
    if (elsewhere.contains(c["name"].get<std::string>())) continue;
    SCOPED_TRACE(c["name"].get<std::string>());
    const OrderedJson& input = c["input"];
    std::string tier = input.value("tier", input.value("consumption", ""));
    if (input.value("mode", "") == "batch") tier = "batch";
    const auto cost = cost_of_1000_and_500(input["model"].get<std::string>(), tiers.at(tier));
    const OrderedJson& expected = c["expected"]["cost_1000_500"];
    ASSERT_EQ(cost.has_value(), !expected.is_null());
    ++compared;
    if (!cost) continue;
    EXPECT_NEAR(*cost, expected.get<double>(), 1e-12);
  }
  EXPECT_EQ(compared, 13);
}

TEST(PriceTable, KnowsEveryModelOfTheSpecification) {
  for (const char* model :
       {"gpt-5.5", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.2", "gpt-5.1", "gpt-5",
        "gpt-5-mini", "gemini-3.1-pro-preview", "gemini-3-flash-preview", "gemini-2.5-pro",
        "gemini-2.5-flash", "claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5"})
    EXPECT_GT(cost_of_1000_and_500(model, JudgeTier::kDefault).value_or(0), 0) << model;
}

TEST(PriceTable, CountsCachedTokensAndReasoningAtTheirPrice) {
  const JudgeUsage usage{.input_tokens = 1'000'000,
                         .cached_input_tokens = 400'000,
                         .output_tokens = 100'000,
                         .reasoning_tokens = 60'000};
  const auto cost = [&](const char* model) {
    return shipped().cost_usd(usage, model, JudgeTier::kDefault).value();
  };
  EXPECT_NEAR(cost("gemini-3-flash-preview"), 0.6 * 0.5 + 0.4 * 0.05 + 0.1 * 3, 1e-12);
  EXPECT_NEAR(cost("gemini-2.5-pro"), 1.0 * 1.25 + 0.1 * 10, 1e-12) << "no cached price: in full";
  EXPECT_NEAR(cost("gpt-5.4"), (0.6 * 2.5 + 0.4 * 0.25) * 2 + 0.1 * 15 * 1.5, 1e-12)
      << "more than 272,000 input tokens";
}

TEST(PriceTable, DoesNotKnowWhatItDoesNotKnow) {
  EXPECT_EQ(cost_of_1000_and_500("gpt-5-nano", JudgeTier::kDefault), std::nullopt);
  EXPECT_EQ(cost_of_1000_and_500("local", JudgeTier::kDefault), std::nullopt);
  EXPECT_EQ(cost_of_1000_and_500("gpt-5.4-nano", JudgeTier::kPriority), std::nullopt);
  EXPECT_EQ(cost_of_1000_and_500("claude-opus-4-6", JudgeTier::kFlex), std::nullopt);
}

TEST(PriceTable, FindsDatedEditions) {
  EXPECT_EQ(shipped().find("GPT-5-mini-2025-01-10"), shipped().find("gpt-5-mini"));
  EXPECT_EQ(shipped().find("gpt-5.4-2026-03-05"), shipped().find("gpt-5.4"));
  EXPECT_EQ(shipped().find("claude-haiku-4-5@20251001"), shipped().find("claude-haiku-4-5"));
  EXPECT_EQ(shipped().find("gpt-5-"), nullptr);
  EXPECT_EQ(shipped().find(""), nullptr);
}

TEST(PriceTable, TheUsersFileGoesOverTheShippedOne) {
  PriceTable prices = shipped();
  prices.merge(table(R"({"models": {"local": {"source": "us",
                        "default": {"input": 0, "output": 0}},
                        "gpt-5.4": {"as_of": "2026-11-01", "source": "invoice",
                        "default": {"input": 1, "output": 2}}}})"));
  const JudgeUsage usage{.input_tokens = 1'000'000, .output_tokens = 1'000'000};
  EXPECT_EQ(prices.cost_usd(usage, "local", JudgeTier::kDefault), 0.0);
  EXPECT_EQ(prices.cost_usd(usage, "gpt-5.4", JudgeTier::kDefault), 3.0);
  EXPECT_EQ(prices.cost_usd(usage, "gpt-5.4", JudgeTier::kFlex), std::nullopt);
}

TEST(PriceTable, WarnsAboutOldAndUnknownPrices) {
  constexpr double kJune2026 = 1780272000;  // 2026-06-01
  constexpr double kDay = 86400;
  EXPECT_EQ(shipped().warning("gpt-5.4", kJune2026 + 90 * kDay), std::nullopt);
  const auto old = shipped().warning("gpt-5.4", kJune2026 + 91 * kDay);
  ASSERT_TRUE(old);
  EXPECT_NE(old->find("2026-06"), std::string::npos);
  EXPECT_TRUE(shipped().warning("gpt-5-mini", kJune2026)) << "nobody knows since when";
  EXPECT_TRUE(shipped().warning("claude-opus-4-6", kJune2026)) << "a year is no date";
  EXPECT_TRUE(shipped().warning("local", kJune2026));
}

TEST(PriceTable, RefusesAFileByModelAndReason) {
  const auto refusal = [](const char* json) -> std::string {
    try {
      table(json);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal(R"({"models":{"m":{"source":"s","default":{"input":-1,"output":1}}}})")
                .find("m: \"input\" must be 0 or more"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"models":{"m":{"source":"s","flex":{"input":1}}}})").find(": m: "),
            std::string::npos);
  EXPECT_NE(refusal(R"({"models":{"m":3}})"), "accepted");
  EXPECT_NE(refusal("{}"), "accepted");
}

TEST(ChargedTier, IsReadInTheVendorsWords) {
  EXPECT_EQ(charged_tier("flex", JudgeTier::kDefault), JudgeTier::kFlex);
  EXPECT_EQ(charged_tier("default", JudgeTier::kFlex), JudgeTier::kDefault);
  EXPECT_EQ(charged_tier("ON_DEMAND_FLEX", JudgeTier::kDefault), JudgeTier::kFlex);
  EXPECT_EQ(charged_tier("ON_DEMAND_PRIORITY", JudgeTier::kDefault), JudgeTier::kPriority);
  EXPECT_EQ(charged_tier(std::nullopt, JudgeTier::kFlex), JudgeTier::kFlex);
}

}  // namespace
}  // namespace polaris
