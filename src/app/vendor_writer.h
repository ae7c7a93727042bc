#pragma once

#include <string>

#include "judge/budget.h"
#include "judge/dialect.h"
#include "judge/prices.h"
#include "rollout/remote/story_server.h"

namespace polaris {

/// A vendor's model, or any server of chat completions, that writes stories as text: a prompt is
/// one user message, an answer's text is the story, its reasoning is not shown. The calls are those
/// of the judge's dialects; chat completions are streamed, other vendors answer at once.
///
/// A text that the model or its vendor declines to write is a story of what they say instead, often
/// of nothing.
class VendorWriter : public StoryServer {
 public:
  /// @param spent_usd  of rollout.remote.budget_usd, by earlier starts of the same command
  /// @throws Error{kInvalidConfig} for a budget in a currency of unknown prices
  VendorWriter(const RemoteRolloutConfig& config, std::string system_message, PriceTable prices,
               double spent_usd);

  bool gives_token_ids() const override { return false; }
  bool streams() const override { return config_.dialect == JudgeDialect::kOpenai; }
  void look(ServerAdmin&) override {}
  void check(const SamplingConfig& sampling) const override;
  HttpRequest request(const StoryCall& call) const override;
  void add_key(HttpRequest& request, std::string_view key) const override;
  void read(const Json& event, const StoryCall& call, ReceivedStory& story) const override;
  Admission admit(const StoryCall& call) override;
  void settle(const StoryCall& call, const ReceivedStory& story) override;

 private:
  void read_delta(const Json& event, ReceivedStory& story) const;
  void bill(const ModelAnswer& answer, ReceivedStory& story) const;
  double most_usd(const StoryCall& call) const;

  JudgeConfig config_;  // what the dialects are spoken with
  const Dialect& dialect_;
  std::string system_message_;
  PriceTable prices_;
  Budget budget_;
};

/// The shipped prices with those of rollout.remote.prices over them.
PriceTable writer_prices(const RemoteRolloutConfig& config);

}  // namespace polaris
