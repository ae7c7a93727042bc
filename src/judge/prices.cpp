#include "judge/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace polaris {
namespace {

double price_of(const Json& json, const char* key) {
  const auto price = json.at(key).get<double>();
  if (!std::isfinite(price) || price < 0)
    throw Error(ErrorCode::kInvalidData, fmt::format("\"{}\" must be 0 or more", key));
  return price;
}

TokenPrices prices_of(const Json& json) {
  TokenPrices prices{.input = price_of(json, "input"), .output = price_of(json, "output")};
  if (json.contains("cached")) prices.cached = price_of(json, "cached");
  return prices;
}

ModelPrice model_of(const Json& json) {
  ModelPrice model{.source = json.at("source").get<std::string>()};
  if (json.contains("as_of")) model.as_of = json.at("as_of").get<std::string>();
  const auto names = enum_names(JudgeTier{});
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (json.contains(names[i]))
      model.tiers[static_cast<JudgeTier>(i)] = prices_of(json.at(names[i]));
  }
  if (json.contains("long_input")) {
    const Json& over = json.at("long_input");
    model.long_input = {.above_tokens = over.at("above_tokens").get<std::int64_t>(),
                        .input_factor = price_of(over, "input_factor"),
                        .output_factor = price_of(over, "output_factor")};
  }
  return model;
}

/// "-2025-01-10", "-001", "@20250514": what stands behind a name in an edition of it.
bool is_edition(std::string_view suffix) {
  const bool begins = suffix.size() > 1 && (suffix[0] == '-' || suffix[0] == '@');
  return begins && suffix.substr(1).find_first_not_of("0123456789-") == std::string_view::npos;
}

/// Days since 1970-01-01 of "2026-07-04" or "2026-07"; absent if it is neither.
std::optional<double> days_of(std::string_view date) {
  std::vector<int> numbers;
  for (const std::string_view piece : split(date, '-')) {
    int number = 0;
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), number);
    if (error != std::errc() || end != piece.data() + piece.size() || number < 0)
      return std::nullopt;
    numbers.push_back(number);
  }
  if (numbers.size() == 2) numbers.push_back(1);
  if (numbers.size() != 3) return std::nullopt;
  using namespace std::chrono;
  const year_month_day calendar(year(numbers[0]), month(static_cast<unsigned>(numbers[1])),
                                day(static_cast<unsigned>(numbers[2])));
  if (!calendar.ok()) return std::nullopt;
  return static_cast<double>(sys_days(calendar).time_since_epoch().count());
}

}  // namespace

PriceTable PriceTable::load(const std::filesystem::path& path) {
  constexpr std::uintmax_t kMaxBytes = 1U << 20;
  const Json json = read_json_file(path, kMaxBytes);
  PriceTable table;
  std::string name = "\"models\"";
  try {
    for (const auto& [model, entry] : json.at("models").items()) {
      name = model;
      table.models_[lower(model)] = model_of(entry);
    }
  } catch (const Error& e) {
    throw e.within(fmt::format("{}: {}", path.string(), name));
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: {}: {}", path.string(), name, e.what()));
  }
  return table;
}

void PriceTable::merge(const PriceTable& over) {
  for (const auto& [model, price] : over.models_) models_[model] = price;
}

const ModelPrice* PriceTable::find(std::string_view model) const {
  const std::string name = lower(model);
  const ModelPrice* best = nullptr;
  std::size_t best_size = 0;
  for (const auto& [known, price] : models_) {
    if (known == name) return &price;
    if (!name.starts_with(known) || known.size() < best_size) continue;
    if (!is_edition(std::string_view(name).substr(known.size()))) continue;
    best = &price;
    best_size = known.size();
  }
  return best;
}

std::optional<double> PriceTable::cost_usd(const JudgeUsage& usage, std::string_view model,
                                           JudgeTier tier) const {
  const ModelPrice* price = find(model);
  if (price == nullptr) return std::nullopt;
  const auto found = price->tiers.find(tier);
  if (found == price->tiers.end()) return std::nullopt;
  const TokenPrices& prices = found->second;
  const bool is_long = price->long_input && usage.input_tokens > price->long_input->above_tokens;
  const double input_factor = is_long ? price->long_input->input_factor : 1.0;
  const double output_factor = is_long ? price->long_input->output_factor : 1.0;
  const auto cached = static_cast<double>(std::min(usage.cached_input_tokens, usage.input_tokens));
  const double fresh = static_cast<double>(usage.input_tokens) - cached;
  const double input = fresh * prices.input + cached * prices.cached.value_or(prices.input);
  const double output = static_cast<double>(usage.output_tokens) * prices.output;
  return (input * input_factor + output * output_factor) / 1e6;
}

std::optional<std::string> PriceTable::warning(std::string_view model, double now_wall_s) const {
  constexpr double kMaxAgeDays = 90;
  constexpr double kSecondsPerDay = 86400;
  const ModelPrice* price = find(model);
  if (price == nullptr)
    return fmt::format("the price of {} is not known; costs are not counted (judge.prices)", model);
  const auto days = price->as_of ? days_of(*price->as_of) : std::nullopt;
  if (days && now_wall_s / kSecondsPerDay - *days <= kMaxAgeDays) return std::nullopt;
  return fmt::format("the price of {} is of {} ({}); check it and set judge.prices", model,
                     price->as_of.value_or("an unknown day"), price->source);
}

JudgeTier charged_tier(const std::optional<std::string>& word, JudgeTier asked) {
  if (!word) return asked;
  const std::string name = lower(*word);
  if (name.find("flex") != std::string::npos) return JudgeTier::kFlex;
  if (name.find("priority") != std::string::npos) return JudgeTier::kPriority;
  return JudgeTier::kDefault;
}

}  // namespace polaris
