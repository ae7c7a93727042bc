#include "nn/rendezvous.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace polaris {
namespace {

using Environment = std::map<std::string, std::string>;

std::optional<Rendezvous> read(const Environment& environment) {
  return read_rendezvous([&](const char* name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  });
}

const Environment kTorchrun = {{"RANK", "5"},
                               {"WORLD_SIZE", "8"},
                               {"LOCAL_RANK", "1"},
                               {"MASTER_ADDR", "node0"},
                               {"MASTER_PORT", "29500"}};
const Environment kSlurm = {{"SLURM_PROCID", "2"},
                            {"SLURM_NTASKS", "4"},
                            {"SLURM_LOCALID", "0"},
                            {"MASTER_ADDR", "10.0.0.1"},
                            {"MASTER_PORT", "29501"}};

Environment with(Environment environment, const std::string& name, const std::string& value) {
  environment[name] = value;
  return environment;
}
Environment without(Environment environment, const std::string& name) {
  environment.erase(name);
  return environment;
}

TEST(ReadRendezvous, TakesWhatTorchrunSets) {
  const auto found = read(kTorchrun);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rank, 5);
  EXPECT_EQ(found->size, 8);
  EXPECT_EQ(found->local_rank, 1);
  EXPECT_EQ(found->address, "node0");
  EXPECT_EQ(found->port, 29500);
  EXPECT_FALSE(found->launcher_listens);
  EXPECT_TRUE(read(with(kTorchrun, "TORCHELASTIC_USE_AGENT_STORE", "True"))->launcher_listens);
  EXPECT_EQ(read(with(kTorchrun, "TORCHELASTIC_RESTART_COUNT", "3"))->attempt, "3");
}

TEST(ReadRendezvous, TakesWhatSlurmSetsWhereTorchrunsIsAbsent) {
  const auto found = read(kSlurm);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rank, 2);
  EXPECT_EQ(found->size, 4);
  EXPECT_EQ(found->local_rank, 0);
  EXPECT_EQ(found->address, "10.0.0.1");
  auto both = kSlurm;
  both.insert(kTorchrun.begin(), kTorchrun.end());
  EXPECT_EQ(read(both)->rank, 5);
}

TEST(ReadRendezvous, IsASingleProcessWhereNothingIsSetOrOneRankIsAll) {
  EXPECT_FALSE(read({}));
  EXPECT_FALSE(read({{"MASTER_ADDR", "node0"}, {"MASTER_PORT", "29500"}}));
  EXPECT_FALSE(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
  EXPECT_FALSE(read({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}}));
}

TEST(ReadRendezvous, NamesTheVariableThatIsMissingOrMakesNoSense) {
  const std::vector<std::pair<std::string, Environment>> cases = {
      {"RANK", without(kTorchrun, "RANK")},
      {"WORLD_SIZE", without(kTorchrun, "WORLD_SIZE")},
      {"LOCAL_RANK", without(kTorchrun, "LOCAL_RANK")},
      {"MASTER_ADDR", without(kTorchrun, "MASTER_ADDR")},
      {"MASTER_PORT", without(kTorchrun, "MASTER_PORT")},
      {"SLURM_NTASKS", without(kSlurm, "SLURM_NTASKS")},
      {"SLURM_PROCID", without(kSlurm, "SLURM_PROCID")},
      {"MASTER_ADDR", without(kSlurm, "MASTER_ADDR")},
      {"MASTER_ADDR", with(kTorchrun, "MASTER_ADDR", "")},
      {"MASTER_PORT", with(kTorchrun, "MASTER_PORT", "65536")},
      {"MASTER_PORT", with(kTorchrun, "MASTER_PORT", "http")},
      {"RANK", with(kTorchrun, "RANK", "8")},
      {"RANK", with(kTorchrun, "RANK", "-1")},
      {"RANK", with(kTorchrun, "RANK", "1x")},
      {"RANK", {{"RANK", "3"}, {"WORLD_SIZE", "1"}}},
      {"LOCAL_RANK", with(kTorchrun, "LOCAL_RANK", "8")},
      {"WORLD_SIZE", with(kTorchrun, "WORLD_SIZE", "0")},
      {"WORLD_SIZE", with(kTorchrun, "WORLD_SIZE", "99999999999")},
  };
  for (const auto& [name, environment] : cases) {
    try {
      read(environment);
      ADD_FAILURE() << name << " was accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidConfig);
      EXPECT_NE(std::string_view(e.what()).find(name + " is "), std::string_view::npos) << e.what();
    }
  }
}

TEST(Join, IsASingleProcessWithoutARendezvous) {
  const auto alone = join(std::nullopt, {});
  EXPECT_EQ(alone->size(), 1);
}

}  // namespace
}  // namespace polaris
