// Every form of the delta rule against the vectors of tests/golden/gdn.
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <string>

#include "nn/internal/delta_chunks.h"
#include "nn/internal/delta_testing.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/run_blocks.h"
#include "nn/kernels/isa.h"

namespace polaris::nn {
namespace {

constexpr double kFloatTolerance = 2e-6;

struct Golden {
  explicit Golden(const std::string& name)
      : file(golden_folder("gdn") / (name + ".safetensors")),
        sequences(lengths_of(file["cu_seqlens"])),
        scale(std::stod(file.file().metadata().at("scale"))) {
    x = {.q = file["q"], .k = file["k"], .v = file["v"], .g = file["g"], .beta = file["beta"]};
    d.o = file["do"];
    if (!file.contains("h0")) return;
    x.h0 = file["h0"];
    d.final_state = file["dhT"];
  }

  static std::vector<std::int64_t> lengths_of(const at::Tensor& cu_seqlens) {
    std::vector<std::int64_t> lengths;
    for (std::int64_t i = 0; i + 1 < cu_seqlens.size(0); ++i)
      lengths.push_back((cu_seqlens[i + 1] - cu_seqlens[i]).item<std::int64_t>());
    return lengths;
  }

  /// One file holds its results in float32.
  double double_tolerance() const {
    return file["o"].scalar_type() == at::kDouble ? 1e-10 : kFloatTolerance;
  }
  void expect_output(const DeltaOutput& output, double tolerance) const {
    EXPECT_LT(norm_difference(output.o, file["o"]), tolerance);
    EXPECT_LT(norm_difference(output.final_state, file["hT"]), tolerance);
  }
  void expect_same(const DeltaResult& result, double tolerance) const {
    expect_output(result.output, tolerance);
    for (const auto& [name, tensor] : result.gradients()) {
      if (name == "dh0" && !x.h0.defined()) continue;
      EXPECT_LT(norm_difference(tensor, file[name]), tolerance) << name;
    }
  }

  GoldenFile file;
  PackedSequences sequences;
  double scale;
  DeltaOperands x;
  DeltaOutput d;
};

class DeltaGolden : public testing::TestWithParam<const char*> {};

TEST_P(DeltaGolden, RecurrenceInTensorOperations) {
  const Golden golden(GetParam());
  const auto call = [&](const DeltaOperands& x) {
    return delta_recurrence(x, golden.sequences, golden.scale);
  };
  golden.expect_same(run_with_gradient(call, as_type(golden.x, at::kDouble), golden.d),
                     golden.double_tolerance());
  golden.expect_same(run_with_gradient(call, golden.x, golden.d), kFloatTolerance);
}

TEST_P(DeltaGolden, RecurrenceOnTheCpuForEveryInstructionSet) {
  const Golden golden(GetParam());
  for (const auto isa : {kernels::Isa::kPortable, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
    const kernels::IsaLimit limit(isa);
    golden.expect_output(
        delta_recurrence_cpu(as_type(golden.x, at::kDouble), golden.sequences, golden.scale),
        golden.double_tolerance());
    golden.expect_output(delta_recurrence_cpu(golden.x, golden.sequences, golden.scale),
                         kFloatTolerance);
  }
}

TEST_P(DeltaGolden, ChunksInDouble) {
  const Golden golden(GetParam());
  for (const std::int64_t chunk_length : {16, 32, 64}) {
    SCOPED_TRACE(chunk_length);
    const DeltaPlan plan(golden.sequences, at::kCPU, chunk_length);
    const auto call = [&](const DeltaOperands& x) { return delta_rule(x, plan, golden.scale); };
    golden.expect_same(run_with_gradient(call, as_type(golden.x, at::kDouble), golden.d),
                       golden.double_tolerance());
  }
}

TEST_P(DeltaGolden, ChunksInFloatForEveryInstructionSet) {
  const Golden golden(GetParam());
  for (const auto isa : {kernels::Isa::kPortable, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
    const kernels::IsaLimit limit(isa);
    for (const std::int64_t chunk_length : {16, 32, 64, 128}) {
      SCOPED_TRACE(testing::Message() << "isa " << int(isa) << ", chunk " << chunk_length);
      const DeltaPlan plan(golden.sequences, at::kCPU, chunk_length);
      const auto call = [&](const DeltaOperands& x) { return delta_rule(x, plan, golden.scale); };
      golden.expect_same(run_with_gradient(call, golden.x, golden.d), kFloatTolerance);
    }
  }
}

TEST_P(DeltaGolden, ChunksOfTensorOperationsInFloat) {
  const Golden golden(GetParam());
  const DeltaPlan plan(golden.sequences, at::kCPU);
  const DeltaForm form = delta_form_tensors();
  DeltaSaved saved;
  const DeltaOutput out = form.forward(golden.x, plan, golden.scale, &saved);
  golden.expect_same({out, form.backward(golden.x, plan, golden.scale, saved, golden.d)},
                     kFloatTolerance);
}

TEST_P(DeltaGolden, ChunksAsOnAGpu) {
  const Golden golden(GetParam());
  const GpuKernelsOnCpu gpu_kernels;
  const DeltaPlan plan(golden.sequences, at::kCPU);
  const auto call = [&](const DeltaOperands& x) { return delta_rule(x, plan, golden.scale); };
  golden.expect_same(run_with_gradient(call, golden.x, golden.d), kFloatTolerance);
}

TEST_P(DeltaGolden, ChunksOnAGpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  const Golden golden(GetParam());
  const DeltaPlan plan(golden.sequences, at::kCUDA);
  const auto call = [&](const DeltaOperands& x) { return delta_rule(x, plan, golden.scale); };
  const auto run = [&](at::ScalarType type) {
    const auto there = [&](const at::Tensor& t) {
      return t.defined() ? t.to(at::device(at::kCUDA).dtype(type)) : t;
    };
    const auto back = [](const at::Tensor& t) { return t.cpu(); };
    const DeltaResult result = run_with_gradient(call, mapped(golden.x, there),
                                                 {there(golden.d.o), there(golden.d.final_state)});
    return DeltaResult{{back(result.output.o), back(result.output.final_state)},
                       mapped(result.gradient, back)};
  };
  golden.expect_same(run(at::kDouble), golden.double_tolerance());
  golden.expect_same(run(at::kFloat), 5e-3);  // TF32 products
}

INSTANTIATE_TEST_SUITE_P(Cases, DeltaGolden,
                         testing::Values("gdn_T1", "gdn_T63", "gdn_T64", "gdn_T65", "gdn_T200",
                                         "gdn_varlen", "gdn_d128_T65"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace polaris::nn
