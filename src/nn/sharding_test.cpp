#include "nn/internal/sharding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "nn/fake_collective.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/learner_testing.h"
#include "nn/internal/moments.h"
#include "nn/internal/parameter_store.h"
#include "weights/safetensors.h"

namespace polaris::nn {
namespace {

ParameterLayout tiny_layout() {
  return ParameterLayout(read_model_config(golden_folder("qwen3_5_tiny")));
}

TEST(Sharding, EveryElementHasOneOwnerAndCutsAreBetweenBlocks) {
  const ParameterLayout layout = tiny_layout();
  for (const int ranks : {1, 2, 3, 5, 8}) {
    FakeRendezvous rendezvous(ranks, 10);
    FakeCollective collective(rendezvous, 0);
    const Sharding sharding(layout, &collective);
    std::vector<std::int64_t> kept(layout.parameters().size());
    for (int rank = 0; rank < ranks; ++rank) {
      for (const Shard& shard : sharding.shards(rank)) {
        EXPECT_EQ(shard.first, kept[shard.parameter]);  // without a gap, in the order of ranks
        EXPECT_EQ(shard.first % Sharding::kGrain, 0);
        kept[shard.parameter] += shard.range.count;
      }
      EXPECT_NEAR(static_cast<double>(sharding.range(rank).count),
                  static_cast<double>(layout.size()) / ranks, 2.0 * Sharding::kGrain);
    }
    for (std::size_t i = 0; i < kept.size(); ++i)
      EXPECT_EQ(kept[i], layout.parameters()[i].range.count) << layout.parameters()[i].name;
  }
}

TEST(Sharding, SumsAreInTheOrderOfRanksAndSharesAreEverybodys) {
  const ParameterLayout layout = tiny_layout();
  std::vector<at::Tensor> arenas;
  for (int rank = 0; rank < 3; ++rank) arenas.push_back(at::randn({layout.size()}));
  const at::Tensor expected = (arenas[0] + arenas[1]) + arenas[2];
  FakeRendezvous rendezvous(3, 10);
  on_ranks(rendezvous, [&](Collective& collective) {
    const Sharding sharding(layout, &collective);
    const at::Tensor arena = arenas[static_cast<std::size_t>(collective.rank())].clone();
    sharding.reduce(arena);
    const ParameterRange own = sharding.own();
    EXPECT_TRUE(
        at::equal(arena.narrow(0, own.begin, own.count), expected.narrow(0, own.begin, own.count)));
    sharding.share(arena);
    EXPECT_TRUE(at::equal(arena, expected));
    sharding.stream(1, at::full({5}, 7.0), 5, arena.options(), [](auto first, const auto& slice) {
      EXPECT_EQ(first, 0);
      EXPECT_TRUE(at::equal(slice, at::full({5}, 7.0)));
    });
  });
}

TEST(Sharding, ARankKeepsItsPartOfMomentsAndRemainders) {
  const ParameterLayout layout = tiny_layout();
  const std::int64_t whole = layout.size();
  for (const int ranks : {1, 2, 4}) {
    FakeRendezvous rendezvous(ranks, 10);
    on_ranks(rendezvous, [&](Collective& collective) {
      const ParameterStore store(layout, {.compute = at::kBFloat16,
                                          .split_master = true,
                                          .gradients = true,
                                          .collective = &collective});
      const Moments moments(layout, store.sharding(), MomentDtype::kBfloat16, at::kCPU);
      // What is allocated, not what is looked at.
      const auto elements = [](const at::Tensor& view) {
        return static_cast<double>(view.storage().nbytes()) / 2;
      };
      const double part = static_cast<double>(whole) / ranks;
      for (const at::Tensor& view :
           {moments.of(0).m, moments.of(0).v, store.remainder(store.sharding().own())})
        EXPECT_NEAR(elements(view), part, 0.01 * part);
    });
  }
}

struct Numbers {
  const char* name;
  ComputeDtype compute;
  MomentDtype moments;
  bool has_adapters = false;
};

class ShardedLearner : public testing::TestWithParam<Numbers> {
 protected:
  static TorchLearnerOptions options(Collective* collective) {
    TorchLearnerOptions options = options_for(golden_folder("qwen3_5_tiny"));
    options.model.compute_dtype = GetParam().compute;
    options.model.lora.enabled = GetParam().has_adapters;
    options.optimizer.moments = GetParam().moments;
    options.collective = collective;
    return options;
  }

  static Batch batch(unsigned step) { return {.rows = random_rows(7, step), .step_scale = 0.01}; }

  /// Goes on from `from` (empty: from the start) with the updates `first` .. `last` by that many
  /// ranks. @return what was saved behind them
  static std::map<std::string, std::string> train(int ranks, const std::filesystem::path& from,
                                                  unsigned first, unsigned last,
                                                  const std::filesystem::path& to,
                                                  std::vector<UpdateStats>* all = nullptr) {
    FakeRendezvous rendezvous(ranks, 60);
    on_ranks(rendezvous, [&](Collective& collective) {
      TorchLearner learner(options(&collective));
      if (!from.empty()) learner.load(from);
      for (unsigned step = first; step <= last; ++step) {
        const UpdateStats stats = learner.update(batch(step));
        if (all != nullptr && collective.rank() == ranks - 1) all->push_back(stats);
      }
      const TempFolder unused;  // of ranks that must not write
      const bool writes = collective.rank() == 0;
      learner.save(writes ? to : unused.path());
      if (!writes) {
        EXPECT_TRUE(contents(unused.path()).empty());
      }
    });
    return contents(to);
  }
};

TEST_P(ShardedLearner, MakesTheUpdateOfOneProcessUpToRounding) {
  std::vector<UpdateStats> alone;
  const TempFolder one;
  train(1, {}, 1, 1, one.path(), &alone);
  for (const int ranks : {2, 3, 5}) {
    std::vector<UpdateStats> together;
    const TempFolder several;
    train(ranks, {}, 1, 1, several.path(), &together);
    EXPECT_EQ(together[0].rows, alone[0].rows);
    EXPECT_EQ(together[0].response_tokens, alone[0].response_tokens);
    EXPECT_NEAR(together[0].loss, alone[0].loss, 1e-6 * std::abs(alone[0].loss));
    EXPECT_NEAR(together[0].entropy.value(), alone[0].entropy.value(),
                1e-6 * alone[0].entropy.value());
    EXPECT_NEAR(together[0].grad_norm, alone[0].grad_norm, 1e-4 * alone[0].grad_norm);
  }
}

TEST_P(ShardedLearner, RanksMayComeAndGoBetweenCheckpoints) {
  const TempFolder folder;
  const auto saved = [&](const char* name) {
    std::filesystem::create_directory(folder / name);
    return folder / name;
  };
  train(1, {}, 1, 1, saved("one"));
  const auto two = train(2, folder / "one", 2, 2, saved("two"));
  const auto three = train(3, folder / "two", 3, 3, saved("three"));
  // Loading alone, by whatever number of ranks, changes nothing.
  EXPECT_EQ(train(1, folder / "three", 1, 0, saved("loaded by one")), three);
  EXPECT_EQ(train(5, folder / "three", 1, 0, saved("loaded by five")), three);
  EXPECT_EQ(train(2, folder / "one", 2, 2, saved("two again")), two);
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, ShardedLearner,
    testing::Values(Numbers{"float32", ComputeDtype::kFloat32, MomentDtype::kFloat32},
                    Numbers{"split", ComputeDtype::kBfloat16, MomentDtype::kBfloat16},
                    Numbers{"codes", ComputeDtype::kBfloat16, MomentDtype::kInt8},
                    Numbers{"adapters", ComputeDtype::kBfloat16, MomentDtype::kFloat32, true}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace polaris::nn
