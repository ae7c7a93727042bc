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

using Note = std::function<void(const std::string&)>;

/// The HTTP judges of a configuration, with one budget.
std::vector<std::unique_ptr<Judge>> http_judges(const JudgeConfig& config, const JudgeSetup& setup,
                                                const Note& note) {
  const std::vector<JudgeConfig> configs = judges_of(config);
  std::vector<HttpJudgeParts> parts;
  for (const JudgeConfig& one : configs)
    parts.push_back({.key = key_from_environment(one), .prices = prices_for(one), .note = note});
  const auto budget = budget_of_run(config, setup.run_id, note);
  std::vector<std::unique_ptr<Judge>> judges;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    parts[i].budget = budget;
    judges.push_back(
        std::make_unique<HttpJudge>(configs[i], setup, std::move(parts[i]), system_clock()));
  }
  return judges;
}

std::vector<std::unique_ptr<Judge>> judges_for(const JudgeConfig& config, const JudgeSetup& setup,
                                               const Note& note) {
  if (config.kind == JudgeKind::kHttp) return http_judges(config, setup, note);
  std::vector<std::unique_ptr<Judge>> judges;
  if (config.kind == JudgeKind::kReplay)
    judges.push_back(std::make_unique<ReplayJudge>(config.replay, config, setup));
  else
    judges.push_back(std::make_unique<LexicalJudge>());
  return judges;
}

}  // namespace

std::unique_ptr<Judge> make_judge(const JudgeConfig& config, const JudgeSetup& setup,
                                  const std::function<void(const std::string&)>& note) {
  if (config.kind == JudgeKind::kNone) return std::make_unique<NoJudge>();
  auto judges = judges_for(config, setup, note);
  std::unique_ptr<Judge> judge;
  if (judges.size() == 1 && config.repeats == 1)
    judge = std::move(judges.front());
  else
    judge = std::make_unique<PanelJudge>(std::move(judges), static_cast<int>(config.repeats));
  if (!config.record.empty())
    judge = std::make_unique<RecordJudge>(std::move(judge), config.record, config, setup);
  return judge;
}

}  // namespace polaris
