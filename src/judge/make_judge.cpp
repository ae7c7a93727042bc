#include "judge/make_judge.h"

#include "base/assets.h"
#include "judge/http_judge.h"
#include "judge/lexical_judge.h"
#include "judge/panel_judge.h"
#include "judge/replay_judge.h"

namespace polaris {
namespace {

class NoJudge : public Judge {
 public:
  void submit(JudgeRequest, OnReply on_reply) override { on_reply({}); }
};

const Clock& system_clock() {
  static const SystemClock kClock;
  return kClock;
}

/// The shipped prices with the user's over them.
PriceTable prices_for(const JudgeConfig& config) {
  PriceTable prices = PriceTable::load(find_asset("prices.json"));
  if (!config.prices.empty()) prices.merge(PriceTable::load(config.prices));
  return prices;
}

std::unique_ptr<Judge> make_member(const JudgeConfig& config, const JudgeSetup& setup,
                                   const std::function<void(const std::string&)>& note) {
  switch (config.kind) {
    case JudgeKind::kLexical:
      return std::make_unique<LexicalJudge>();
    case JudgeKind::kReplay:
      return std::make_unique<ReplayJudge>(config.replay, config, setup);
    case JudgeKind::kHttp:
      return std::make_unique<HttpJudge>(
          config, setup,
          HttpJudgeParts{
              .key = key_from_environment(config), .prices = prices_for(config), .note = note},
          system_clock());
    case JudgeKind::kNone:
      break;
  }
  return std::make_unique<NoJudge>();
}

}  // namespace

std::unique_ptr<Judge> make_judge(const JudgeConfig& config, const JudgeSetup& setup,
                                  const std::function<void(const std::string&)>& note) {
  std::unique_ptr<Judge> judge = make_member(config, setup, note);
  if (config.kind == JudgeKind::kNone) return judge;
  if (config.repeats > 1) {
    std::vector<std::unique_ptr<Judge>> members;
    members.push_back(std::move(judge));
    judge = std::make_unique<PanelJudge>(std::move(members), static_cast<int>(config.repeats));
  }
  if (!config.record.empty())
    judge = std::make_unique<RecordJudge>(std::move(judge), config.record, config, setup);
  return judge;
}

}  // namespace polaris
