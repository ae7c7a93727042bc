#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "judge/judge.h"
#include "judge/judge_config.h"

namespace polaris {

/// USD per million tokens.
struct TokenPrices {
  double input = 0.0;
  std::optional<double> cached;  ///< absent: cached tokens cost what others cost
  double output = 0.0;           ///< reasoning included
};

/// What a model costs, as of a day.
struct ModelPrice {
  std::optional<std::string> as_of;  ///< "2026-06" or "2026-07-04"; absent: nobody wrote it down
  std::string source;
  std::map<JudgeTier, TokenPrices> tiers;  ///< those that are known

  /// Above so many input tokens everything costs more.
  struct LongInput {
    std::int64_t above_tokens = 0;
    double input_factor = 1.0;
    double output_factor = 1.0;
  };
  std::optional<LongInput> long_input;
};

/// Prices of judging models: assets/prices.json, with a user's own file over it.
/// Source: specs/evaluation.md 10.7.
class PriceTable {
 public:
  /// @throws Error{kIo}, Error{kInvalidData} naming file and model
  static PriceTable load(const std::filesystem::path& path);

  /// Entries of `over` replace those of the same model.
  void merge(const PriceTable& over);

  /// The entry of a model: its own name's, else the longest of which it is a dated or numbered
  /// edition ("gpt-5-mini-2025-01-10", "gemini-3-flash-preview-001"). "gpt-5-nano" is no edition of
  /// "gpt-5". Null if there is none.
  const ModelPrice* find(std::string_view model) const;

  /// (input - cached) p_in + cached p_cached + output p_out, in USD. Absent, never 0, where the
  /// model or its price in that tier is not known.
  std::optional<double> cost_usd(const JudgeUsage& usage, std::string_view model,
                                 JudgeTier tier) const;

  /// A line for people if the price of `model` is unknown, undated or more than 90 days old.
  std::optional<std::string> warning(std::string_view model, double now_wall_s) const;

 private:
  std::map<std::string, ModelPrice, std::less<>> models_;
};

/// The tier that a vendor says it charged, in whatever word ("flex", "ON_DEMAND_FLEX"); `asked`
/// where it says nothing.
JudgeTier charged_tier(const std::optional<std::string>& word, JudgeTier asked);

}  // namespace polaris
