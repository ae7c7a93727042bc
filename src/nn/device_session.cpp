#include "nn/device_session.h"

#include <c10/core/GradMode.h>

#include "nn/internal/model.h"
#include "nn/internal/slot_writer.h"
#include "nn/internal/torch_errors.h"

namespace polaris {
namespace {

constexpr auto kDoing = "writing";
constexpr auto kRemedy = "lower rollout.slots or data.max_response_tokens";

}  // namespace

struct DeviceSession::Impl {
  Policy policy;  // keeps the model
  nn::SlotWriter writer;
};

DeviceSession::DeviceSession(const Policy& policy, std::int64_t slots, std::int64_t max_tokens,
                             const DrawConfig& config)
    : impl_(nn::translating(kDoing, kRemedy, [&] {
        const c10::NoGradGuard no_graph;
        return std::unique_ptr<Impl>(
            new Impl{policy, {policy.model().decoder, slots, max_tokens, config}});
      })) {}

DeviceSession::~DeviceSession() = default;
DeviceSession::DeviceSession(DeviceSession&&) noexcept = default;
DeviceSession& DeviceSession::operator=(DeviceSession&&) noexcept = default;

bool DeviceSession::supports(const Policy& policy) {
  const at::ScalarType type = policy.model().store.options().compute;
  return (type == at::kFloat || type == at::kBFloat16) &&
         nn::SlotDecoder::supports(policy.config());
}

bool DeviceSession::is_on_gpu(const Policy& policy) { return policy.model().device().is_cuda(); }

std::int64_t DeviceSession::bytes_per_slot(const Policy& policy, std::int64_t max_tokens,
                                           const DrawConfig& config) {
  return nn::SlotWriter::bytes_per_slot(policy.model().decoder, max_tokens, config);
}

void DeviceSession::begin(std::int64_t slot, std::span<const TokenId> prompt) {
  nn::translating(kDoing, kRemedy, [&] { impl_->writer.begin(slot, prompt); });
}

void DeviceSession::start(std::int64_t to, const StreamId& stream) {
  nn::translating(kDoing, kRemedy, [&] { impl_->writer.start(to, stream); });
}

std::vector<DeviceProgress> DeviceSession::advance(std::int64_t steps) {
  return nn::translating(kDoing, kRemedy, [&] { return impl_->writer.advance(steps); });
}

}  // namespace polaris
