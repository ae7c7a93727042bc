// Human-reference injection acts: the references become likelier than without it.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "app/real_run_testing.h"

namespace polaris {
namespace {

/// Trains with and without injection and returns the mean difference of the references'
/// log-probabilities, in nats per token, in their training context.
double gain_of_injection(std::uint64_t seed) {
  const TempFolder folder;
  const std::string config = small_run_config(folder.path()).string();
  const auto train = [&](const std::string& name, const std::string& setting) {
    const BinaryResult result =
        run_polaris({"train", config, "--run-dir", (folder / name).string(), "--seed",
                     std::to_string(seed), "--set", setting, "--set", "train.record_batches=true"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  };
  train("with", "hri.enabled=true");
  train("without", "hri.enabled=false");

  std::string sequences;
  std::set<std::string> seen;
  for (const OrderedJson& batch :
       lines_of(real_file_system().read(folder / "with/batches.jsonl"))) {
    for (const OrderedJson& row : batch["rows"]) {
      if (row.value("origin", "") != "reference") continue;
      OrderedJson tokens = row["prompt_tokens"];
      const std::size_t start = tokens.size();
      for (const OrderedJson& token : row["response_tokens"]) tokens.push_back(token);
      if (seen.insert(tokens.dump()).second)
        sequences += OrderedJson{{"tokens", tokens}, {"start", start}}.dump() + "\n";
    }
  }
  EXPECT_EQ(seen.size(), 4U);
  put_file(folder / "references.jsonl", sequences);

  const auto mean_logprob = [&](const std::string& name) {
    const auto out = folder / (name + ".jsonl");
    const BinaryResult result =
        run_polaris({"logprobs", "--model", (folder / name / "checkpoints/step_4/model").string(),
                     "--in", (folder / "references.jsonl").string(), "--out", out.string()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    double sum = 0.0, count = 0.0;
    for (const OrderedJson& line : lines_of(real_file_system().read(out))) {
      for (const OrderedJson& logprob : line["logprobs"]) {
        sum += logprob.get<double>();
        count += 1.0;
      }
    }
    return sum / count;
  };
  return mean_logprob("with") - mean_logprob("without");
}

TEST(HumanReferenceInjection, MakesTheReferencesLikelierThanWithoutIt) {
  std::vector<double> gains;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) gains.push_back(gain_of_injection(seed));
  double mean = 0.0, squares = 0.0;
  for (const double gain : gains) mean += gain / 5;
  for (const double gain : gains) squares += (gain - mean) * (gain - mean);
  constexpr double kStudent = 2.776;  // 97.5 % of t with 4 degrees of freedom
  const double half_width = kStudent * std::sqrt(squares / 4 / 5);
  RecordProperty("mean_gain_nats_per_token", fmt::format("{:.4f}", mean));
  EXPECT_GT(mean - half_width, 0.0) << fmt::format("{:.4f} +- {:.4f}", mean, half_width);
}

}  // namespace
}  // namespace polaris
