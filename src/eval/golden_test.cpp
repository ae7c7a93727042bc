// Lengths and intervals against golden/eval: the cases of the functions that specs/evaluation.md
// 1.4 - 1.6 define.
#include <gtest/gtest.h>

#include "eval/bootstrap.h"
#include "eval/eval_config.h"
#include "eval/length_buckets.h"
#include "eval/length_ratio.h"
#include "eval/statistics.h"
#include "text/golden_text_test.h"
#include "text/length_sentence.h"
#include "text/words.h"

namespace polaris {
namespace {

std::vector<OrderedJson> cases_of(const std::string& function, std::size_t count) {
  std::vector<OrderedJson> cases;
  for (OrderedJson& row : golden_lines("eval/cases.jsonl")) {
    if (row["function"] == function) cases.push_back(std::move(row));
  }
  EXPECT_EQ(cases.size(), count) << function;
  return cases;
}

void expect_near(const std::optional<double>& actual, const OrderedJson& expected) {
  ASSERT_EQ(actual.has_value(), !expected.is_null());
  if (actual) {
    EXPECT_NEAR(*actual, expected.get<double>(), 1e-9);
  }
}

using Values = std::vector<std::optional<double>>;

/// The protocol of the published tables on (requested words, value) records.
void expect_protocol(const OrderedJson& c, bool values_are_words) {
  SCOPED_TRACE(c["name"].get<std::string>());
  std::vector<std::int64_t> edges;
  for (const auto& range : c["input"]["edges"]) edges.push_back(range[1].get<std::int64_t>());
  ASSERT_EQ(edges, EvalConfig{}.buckets);

  std::vector<std::vector<double>> buckets(edges.size());
  for (const auto& record : c["input"]["records"]) {
    const auto target = record[0].get<std::int64_t>();
    const auto bucket = bucket_of(target, edges);
    if (!bucket || record[1].is_null()) continue;
    buckets[*bucket].push_back(values_are_words
                                   ? length_ratio(record[1].get<std::int64_t>(), target).value()
                                   : record[1].get<double>());
  }
  Values means;
  for (const auto& bucket : buckets) means.push_back(mean(bucket));

  const OrderedJson& expected = c["expected"];
  for (std::size_t i = 0; i < means.size(); ++i) expect_near(means[i], expected["bucket_means"][i]);
  const LengthBands bands = length_bands(means, edges);
  expect_near(bands.trained, expected["id"]);
  expect_near(bands.longer, expected["near_ood"]);
  expect_near(bands.far_longer, expected["far_ood"]);
  expect_near(bucket_mean(means), expected["aggregate"]);
  expect_near(bucket_slope(means), expected["slope"]);
}

TEST(EvalGolden, BucketProtocol) {
  for (const OrderedJson& c : cases_of("bucket_protocol", 6))
    expect_protocol(c, /*values_are_words=*/false);
}

TEST(EvalGolden, LengthRatioProtocol) {
  for (const OrderedJson& c : cases_of("length_ratio_protocol", 1))
    expect_protocol(c, /*values_are_words=*/true);
}

TEST(EvalGolden, BandsWeighThreeToTwoToOne) {
  for (const OrderedJson& c : cases_of("band_aggregate", 8)) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const double id = c["input"]["id"];
    const double near = c["input"]["near_ood"];
    const double far = c["input"]["far_ood"];
    expect_near(bucket_mean(Values{id, id, id, near, near, far}), c["expected"]["aggregate"]);
  }
}

TEST(EvalGolden, LengthScore) {
  for (const OrderedJson& c : cases_of("sq_length_score", 61)) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto target =
        target_words(c["input"]["prompt"].get<std::string>(), TargetWordsRule::kPublished);
    const auto words = count_text(golden_reward_text(c["input"]["output"]), WordForm::kAsIs).words;
    expect_near(target ? length_score(words, *target) : std::nullopt, c["expected"]);
  }
}

/// The rule "creative" cuts one value more at the upper end. It belongs to another benchmark.
TEST(EvalGolden, PercentileInterval) {
  for (const OrderedJson& c : cases_of("percentile_ci", 3)) {
    if (c["input"]["rule"] != "longform") continue;
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto interval = percentile_interval(c["input"]["sorted"].get<std::vector<double>>());
    ASSERT_TRUE(interval);
    EXPECT_EQ(interval->low, c["expected"][0].get<double>());
    EXPECT_EQ(interval->high, c["expected"][1].get<double>());
  }
}

}  // namespace
}  // namespace polaris
