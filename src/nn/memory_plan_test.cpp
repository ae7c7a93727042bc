#include "nn/memory_plan.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/layer_memory.h"

namespace polaris {
namespace {

constexpr std::int64_t kGigabyte = 1'000'000'000;

ModelConfig architecture(const std::string& name) {
  return read_model_config(POLARIS_SOURCE_DIR "/assets/architectures/" + name + ".json");
}

double gb(std::optional<std::int64_t> bytes) {
  return static_cast<double>(bytes.value()) / kGigabyte;
}

/// The recipe on GPUs: 8 prompts, 5 stories each, of 256 + 8,192 tokens (specs/performance.md C.1).
MemoryRequest recipe(const std::string& model, std::int64_t gigabytes) {
  return {.model = architecture(model),
          .device = {.kind = DeviceKind::kCuda, .bytes = gigabytes * kGigabyte},
          .rollout = {.prompts = 8, .samples = 5, .prompt_tokens = 256, .response_tokens = 8192}};
}

double item_gb(const MemoryPlan& plan, PlanPhase phase, PlanItem item) {
  return gb(plan.find(phase)->bytes_of(item));
}

std::string refusal(const MemoryRequest& request) {
  try {
    require_fit(plan_memory(request));
  } catch (const Error& e) {
    return fmt::format("{}: {}", static_cast<int>(e.code()), e.what());
  }
  return "fits";
}

// specs/performance.md D.5, first column, and C.2.
TEST(MemoryPlan, OneH200IsAsTheSpecificationCountsIt) {
  const MemoryPlan plan = plan_memory(recipe("qwen3.5-9b", 139));
  EXPECT_EQ(plan.parameters, 8'953'803'264);
  EXPECT_EQ(plan.compute, ComputeDtype::kBfloat16);
  EXPECT_EQ(plan.master, MasterDtype::kSplit);
  EXPECT_EQ(plan.moments, MomentDtype::kBfloat16);
  EXPECT_EQ(plan.microbatch_tokens, 16'896);
  EXPECT_EQ(plan.head_rows, 2048);

  const double weights = item_gb(plan, PlanPhase::kUpdate, PlanItem::kWeights);
  const double master = item_gb(plan, PlanPhase::kUpdate, PlanItem::kMaster);
  const double gradients = item_gb(plan, PlanPhase::kUpdate, PlanItem::kGradients);
  const double moments = item_gb(plan, PlanPhase::kUpdate, PlanItem::kMoments);
  EXPECT_NEAR(weights, 17.9, 0.05);
  EXPECT_NEAR(master, 17.9, 0.05);
  EXPECT_NEAR(gradients, 35.8, 0.05);
  EXPECT_NEAR(moments, 35.8, 0.05);
  EXPECT_NEAR(weights + master + gradients + moments, 107.4, 0.1);
  EXPECT_NEAR(item_gb(plan, PlanPhase::kUpdate, PlanItem::kCheckpoints), 4.4, 0.05);
  EXPECT_NEAR(item_gb(plan, PlanPhase::kUpdate, PlanItem::kHead), 3.0 + 0.4, 0.1);

  const PhasePlan& rollout = *plan.find(PlanPhase::kRollout);
  EXPECT_EQ(rollout.slots, 40);
  EXPECT_NEAR(gb(rollout.bytes_of(PlanItem::kKeyValues)), 11.1, 0.05);
  EXPECT_NEAR(gb(rollout.bytes_of(PlanItem::kDeltaState)), 40 * 48 * 1048576e-9, 0.001);
  EXPECT_NEAR(gb(rollout.bytes_of(PlanItem::kKeyValues)) +
                  gb(rollout.bytes_of(PlanItem::kDeltaState)) +
                  gb(rollout.bytes_of(PlanItem::kConvolutionState)),
              13.1, 0.1);
  EXPECT_NEAR(gb(plan.peak().total()), 121, 1.0);
  EXPECT_TRUE(plan.training_fits());
  EXPECT_EQ(refusal(recipe("qwen3.5-9b", 139)), "fits");
}

TEST(MemoryPlan, OptimizerStateIsDividedAmongRanks) {
  MemoryRequest request = recipe("qwen3.5-9b", 80);
  request.ranks = 4;
  request.moments = MomentDtype::kBfloat16;
  const MemoryPlan plan = plan_memory(request);
  // D.6: 17.9 + 35.8 + (17.9 + 35.8) / 4 = 67
  double kept = 0.0;
  for (const PlanItem item :
       {PlanItem::kWeights, PlanItem::kMaster, PlanItem::kGradients, PlanItem::kMoments})
    kept += item_gb(plan, PlanPhase::kUpdate, item);
  EXPECT_NEAR(kept, 67.1, 0.1);
  EXPECT_EQ(plan.find(PlanPhase::kRollout)->slots, 10);
  EXPECT_EQ(plan.microbatch_tokens, 8448);
  EXPECT_EQ(plan.head_rows, 512);
  EXPECT_TRUE(plan.training_fits());
}

// Without a host to move them to, master and moments stay: D.5's second column does not apply.
TEST(MemoryPlan, NineBillionDoNotFitOnOneOrTwo80GbDevicesAndThePlanSaysWhatWould) {
  MemoryRequest request = recipe("qwen3.5-9b", 80);
  const MemoryPlan plan = plan_memory(request);
  EXPECT_FALSE(plan.training_fits());
  EXPECT_EQ(plan.moments, MomentDtype::kBfloat16);
  EXPECT_EQ(plan.microbatch_tokens, 8448);
  EXPECT_TRUE(plan.fits(*plan.find(PlanPhase::kSampling)));
  EXPECT_EQ(plan.find(PlanPhase::kSampling)->slots, 40);
  const std::string one = refusal(request);
  EXPECT_TRUE(one.starts_with("6: training does not fit: its update phase needs 11")) << one;
  EXPECT_NE(one.find("73.6 GB of 80.0 GB may be used (device.memory_fraction = 0.92)"), one.npos)
      << one;
  EXPECT_NE(one.find("enough would be 4 ranks or a device of 12"), one.npos) << one;
  EXPECT_EQ(one.find('\n'), one.npos);

  request.ranks = 2;
  const std::string two = refusal(request);
  EXPECT_NE(two.find("4 ranks or 9"), two.npos) << two;
}

TEST(MemoryPlan, ChangesThatItNamesAreMeasured) {
  MemoryRequest request = recipe("qwen3.5-9b", 80);
  request.moments = MomentDtype::kFloat32;
  request.master = MasterDtype::kFloat32;
  request.recompute = false;
  request.microbatch_tokens = 20'000;
  request.slots = 200;
  const std::string message = refusal(request);
  for (const char* part :
       {"optimizer.moments = bfloat16 saves 35.8 GB", "optimizer.moments = int8 saves 53.4 GB",
        "optimizer.master = split saves 17.9 GB", "learner.recompute = true",
        "learner.microbatch_tokens = 8448"})
    EXPECT_NE(message.find(part), message.npos) << message;
}

TEST(MemoryPlan, NamesTheLimitThatIsEnoughAlone) {
  MemoryRequest request = recipe("qwen3.5-9b", 139);
  request.slots = 200;
  EXPECT_NE(refusal(request).find("its rollout phase needs"), std::string::npos);
  EXPECT_NE(refusal(request).find("enough would be rollout.slots = "), std::string::npos)
      << refusal(request);

  request = recipe("qwen3.5-9b", 139);
  request.rollout.response_tokens = 100'000;
  EXPECT_NE(refusal(request).find("enough would be data.max_response_tokens = "), std::string::npos)
      << refusal(request);

  request = recipe("qwen3.5-9b", 139);
  request.validation = request.rollout;
  request.validation->response_tokens = 2'000'000;
  EXPECT_NE(refusal(request).find("enough would be validation.max_new_tokens = "),
            std::string::npos)
      << refusal(request);
}

TEST(MemoryPlan, MomentsAreTheWidestThatFit) {
  MemoryRequest request = recipe("qwen3.5-0.8b", 24);
  EXPECT_EQ(plan_memory(request).moments, MomentDtype::kFloat32);
  request = recipe("qwen3.5-2b", 32);
  EXPECT_EQ(plan_memory(request).moments, MomentDtype::kBfloat16);
  request.ranks = 2;
  EXPECT_EQ(plan_memory(request).moments, MomentDtype::kFloat32);
  request = recipe("qwen3.5-9b", 80);
  request.ranks = 8;
  EXPECT_EQ(plan_memory(request).moments, MomentDtype::kFloat32);
}

TEST(MemoryPlan, MoreMemoryNeverMeansLess) {
  MemoryRequest request = recipe("qwen3.5-2b", 16);
  std::int64_t slots = 0;
  bool fitted = false;
  for (std::int64_t gigabytes = 16; gigabytes <= 160; gigabytes += 2) {
    request.device.bytes = gigabytes * kGigabyte;
    const MemoryPlan plan = plan_memory(request);
    EXPECT_TRUE(plan.training_fits() || !fitted) << gigabytes;
    fitted = plan.training_fits();
    EXPECT_GE(*plan.find(PlanPhase::kSampling)->slots, slots);
    slots = *plan.find(PlanPhase::kSampling)->slots;
    if (!fitted) continue;
    for (const PhasePlan& phase : plan.phases) EXPECT_TRUE(plan.fits(phase));
  }
  EXPECT_TRUE(fitted);
  EXPECT_EQ(slots, 40);
}

// D.5, third column, without adapters: a 24 GB card writes with the 9B, in waves.
TEST(MemoryPlan, SamplingAloneTakesAsManySlotsAsThereIsRoom) {
  const MemoryPlan plan = plan_memory(recipe("qwen3.5-9b", 24));
  const PhasePlan& sampling = *plan.find(PlanPhase::kSampling);
  EXPECT_FALSE(plan.training_fits());
  EXPECT_TRUE(plan.fits(sampling));
  EXPECT_GE(*sampling.slots, 8);
  EXPECT_LT(*sampling.slots, 20);
  EXPECT_EQ(sampling.bytes_of(PlanItem::kGradients), std::nullopt);
}

// D.5, third column: the numbers of a rank of 32, beside weights that are not in 4 bits here.
TEST(MemoryPlan, WithAdaptersOnlyTheyHaveMasterGradientsAndMoments) {
  MemoryRequest request = recipe("qwen3.5-9b", 48);
  request.lora = make_lora_layout(request.model, 32, 64, std::vector<std::string>{"all-linear"});
  const MemoryPlan plan = plan_memory(request);
  EXPECT_TRUE(plan.training_fits());
  EXPECT_EQ(plan.parameters, 8'953'803'264);
  EXPECT_EQ(plan.trained, request.lora->parameter_count());
  EXPECT_EQ(plan.moments, MomentDtype::kFloat32);
  const auto update = [&](PlanItem item) { return item_gb(plan, PlanPhase::kUpdate, item); };
  EXPECT_NEAR(update(PlanItem::kWeights), 17.9, 0.05);
  EXPECT_NEAR(update(PlanItem::kAdapters) + update(PlanItem::kMaster), 0.35, 0.01);
  EXPECT_NEAR(update(PlanItem::kGradients), 0.35, 0.01);
  EXPECT_NEAR(update(PlanItem::kMoments), 0.7, 0.01);
  const PhasePlan& sampling = *plan.find(PlanPhase::kSampling);
  EXPECT_EQ(sampling.bytes_of(PlanItem::kAdapters), 2 * plan.trained);
  EXPECT_EQ(sampling.bytes_of(PlanItem::kMoments), std::nullopt);

  request = recipe("qwen3.5-9b", 48);
  EXPECT_NE(refusal(request).find(" or model.lora.enabled = true"), std::string::npos)
      << refusal(request);
}

TEST(MemoryPlan, AdaptersNeedTheirProductsAndSumsOnTopOfALayer) {
  const ModelConfig config = architecture("llama-3.1-8b");
  const LoraLayout layout =
      make_lora_layout(config, 16, 16, std::vector<std::string>{"q_proj", "down_proj"});
  const LayerMemory more = adapter_memory(layout, 3, 2);
  EXPECT_EQ(more.saved, 2 * 2 * 16);
  EXPECT_EQ(more.peak, 2 * more.saved + 4 * 14336);
  EXPECT_EQ(adapter_memory(layout, 3, 4).peak, 2 * 2 * 4 * 16);  // float32 sums are the result
}

TEST(MemoryPlan, OnACpuWeightsAreTheirOwnMasterAndTheSamplerHasACopy) {
  MemoryRequest request = recipe("qwen3.5-0.8b", 24);
  request.device.kind = DeviceKind::kCpu;
  request.rollout = {.prompts = 1, .samples = 5, .prompt_tokens = 100, .response_tokens = 900};
  request.sampler_dtype = Dtype::kI8;
  const MemoryPlan plan = plan_memory(request);
  EXPECT_EQ(plan.compute, ComputeDtype::kFloat32);
  EXPECT_EQ(plan.master, MasterDtype::kFloat32);
  EXPECT_EQ(plan.moments, MomentDtype::kFloat32);
  const PhasePlan& update = *plan.find(PlanPhase::kUpdate);
  EXPECT_EQ(update.bytes_of(PlanItem::kMaster), std::nullopt);
  EXPECT_EQ(update.bytes_of(PlanItem::kWeights), 4 * plan.parameters);
  EXPECT_EQ(update.bytes_of(PlanItem::kSamplerWeights), plan.parameters);
  EXPECT_EQ(plan.microbatch_tokens, 2048);
  EXPECT_EQ(plan.head_rows, 64);  // B.2: a tile of 64 MB
  EXPECT_EQ(plan.find(PlanPhase::kSampling)->bytes_of(PlanItem::kWeights), std::nullopt);
}

TEST(MemoryPlan, AServerThatWritesNeedsNoCacheHere) {
  MemoryRequest request = recipe("qwen3.5-9b", 139);
  request.samples_locally = false;
  request.validation = request.rollout;
  const MemoryPlan plan = plan_memory(request);
  EXPECT_EQ(plan.find(PlanPhase::kRollout), nullptr);
  EXPECT_EQ(plan.find(PlanPhase::kValidation), nullptr);
  EXPECT_NE(plan.find(PlanPhase::kSampling), nullptr);
}

TEST(MemoryPlan, WithoutRecomputationAllLayersAreSaved) {
  MemoryRequest request = recipe("qwen3.5-0.8b", 139);
  request.microbatch_tokens = 8448;
  const MemoryPlan with = plan_memory(request);
  request.recompute = false;
  const MemoryPlan without = plan_memory(request);
  const ModelConfig config = architecture("qwen3.5-0.8b");
  const std::int64_t saved = 18 * layer_memory(config, LayerKind::kLinearAttention, 2).saved +
                             6 * layer_memory(config, LayerKind::kFullAttention, 2).saved;
  EXPECT_EQ(with.find(PlanPhase::kUpdate)->bytes_of(PlanItem::kSavedLayers), std::nullopt);
  EXPECT_EQ(without.find(PlanPhase::kUpdate)->bytes_of(PlanItem::kSavedLayers), 8448 * saved);
}

TEST(MemoryPlan, EightBitMomentsTakeTwoBytesAndTheirScales) {
  MemoryRequest request = recipe("qwen3.5-9b", 139);
  request.moments = MomentDtype::kInt8;
  const double moments = item_gb(plan_memory(request), PlanPhase::kUpdate, PlanItem::kMoments);
  EXPECT_NEAR(moments, 18.2, 0.05);  // specs/performance.md D.5
}

TEST(MemoryPlan, RefusesWhatThisVersionCannotFollow) {
  MemoryRequest request = recipe("qwen3.5-9b", 139);
  request.compute = ComputeDtype::kFloat32;
  request.master = MasterDtype::kSplit;
  EXPECT_TRUE(refusal(request).starts_with("2: optimizer.master = split"));
}

TEST(MemoryPlan, AbsurdSizesAreRefusedNotOverflown) {
  MemoryRequest request = recipe("qwen3.5-27b", 1);
  request.rollout = {.prompts = std::int64_t{1} << 40,
                     .samples = std::int64_t{1} << 40,
                     .prompt_tokens = std::int64_t{1} << 40,
                     .response_tokens = std::int64_t{1} << 40};
  EXPECT_TRUE(refusal(request).starts_with("6: training does not fit")) << refusal(request);
}

}  // namespace
}  // namespace polaris
