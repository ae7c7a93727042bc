#include "nn/decode_weights.h"

#include "base/error.h"
#include "nn/internal/model.h"
#include "nn/internal/packed_decoder.h"
#include "nn/internal/torch_errors.h"

namespace polaris {
namespace {

/// A copy in the compute type is not made if it takes more.
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 31;

WeightStorage compute_storage(const Policy& policy) {
  return policy.model().store.options().compute == at::kBFloat16 ? WeightStorage::kBfloat16
                                                                 : WeightStorage::kFloat32;
}

}  // namespace

DecodeWeights::DecodeWeights(const Policy& policy, std::optional<WeightStorage> storage)
    : policy_(policy) {
  const nn::Decoder& decoder = policy.model().decoder;
  const bool is_compute_type = !storage || *storage == compute_storage(policy);
  if (!policy.model().device().is_cpu()) {
    if (!is_compute_type)
      throw Error(ErrorCode::kInvalidConfig,
                  "rollout.weight_dtype is not the type that the model computes in, which only the "
                  "CPU can write with; set it to auto, or device.name = cpu");
    return;
  }
  const WeightStorage packed = storage.value_or(compute_storage(policy));
  if (policy.model().adapters && packed != WeightStorage::kFloat32) {
    // Added to a narrow copy, most of an adapter would be rounded away (specs/performance.md C.9).
    if (is_compute_type) return;
    throw Error(ErrorCode::kInvalidConfig,
                "rollout.weight_dtype is narrower than the type that a model with adapters "
                "(model.lora) computes in; set it to auto");
  }
  if (is_compute_type && nn::PackedDecoder::bytes(decoder, packed) > kMaxBytes) return;
  packed_ = nn::translating("packing the weights", "set rollout.weight_dtype = int8", [&] {
    return std::make_shared<const nn::PackedDecoder>(decoder, packed);
  });
}

}  // namespace polaris
