#include "nn/rendezvous.h"

#include <charconv>
#include <cstdlib>

#include "base/error.h"
#include "nn/process_group.h"

namespace polaris {
namespace {

/// The names under which a launcher says who a process is.
struct Names {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_rank;
};
constexpr Names kTorchrun = {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"};
constexpr Names kSlurm = {"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"};

class Reader {
 public:
  Reader(const EnvironmentLookup& variable, const Names& names)
      : variable_(variable), names_(names) {}

  std::string text(const char* name) const {
    const auto value = variable_(name);
    if (!value || value->empty())
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{} is set, but {} is not: several ranks need both ({})", present(),
                              name, remedy()));
    return *value;
  }

  int number(const char* name, int low, int high) const {
    const std::string value = text(name);
    int number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc() || stop != end || number < low || number > high)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{} is '{}'; it must be a whole number from {} to {} ({})", name,
                              value, low, high, remedy()));
    return number;
  }

 private:
  const char* present() const { return variable_(names_.rank) ? names_.rank : names_.size; }
  std::string remedy() const {
    return fmt::format("start with {} or with --ranks N; for a single process unset {} and {}",
                       names_.launcher, names_.rank, names_.size);
  }

  const EnvironmentLookup& variable_;
  const Names& names_;
};

}  // namespace

std::optional<std::string> environment_variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<Rendezvous> read_rendezvous(const EnvironmentLookup& variable) {
  constexpr int kMaxRanks = 100'000;
  const auto is_from = [&](const Names& names) {
    return variable(names.rank).has_value() || variable(names.size).has_value();
  };
  if (!is_from(kTorchrun) && !is_from(kSlurm)) return std::nullopt;
  const Names& names = is_from(kTorchrun) ? kTorchrun : kSlurm;
  const Reader read(variable, names);

  Rendezvous found;
  found.size = read.number(names.size, 1, kMaxRanks);
  found.rank = read.number(names.rank, 0, found.size - 1);
  if (found.size == 1) return std::nullopt;
  found.local_rank = read.number(names.local_rank, 0, found.size - 1);
  found.address = read.text("MASTER_ADDR");
  found.port = read.number("MASTER_PORT", 1, 65535);
  found.launcher_listens = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  found.attempt = variable("TORCHELASTIC_RESTART_COUNT").value_or("0");
  return found;
}

std::unique_ptr<Collective> join(const std::optional<Rendezvous>& rendezvous,
                                 const DistributedConfig& config) {
  if (!rendezvous) return std::make_unique<SingleProcess>();
  return std::make_unique<ProcessGroup>(*rendezvous, config);
}

}  // namespace polaris
