#include "nn/collective.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace polaris {

void Collective::all_reduce_sum(std::span<double> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  std::ranges::fill(values, 0.0);
  for (const std::string& part : all_gather(bytes)) {
    POLARIS_CHECK(part.size() == values.size_bytes(), "ranks passed different counts");
    for (std::size_t i = 0; i < values.size(); ++i) {
      double value = 0.0;
      std::memcpy(&value, part.data() + i * sizeof value, sizeof value);
      values[i] += value;
    }
  }
}

void SingleProcess::all_to_all(const at::Tensor& send, const at::Tensor& receive) {
  receive.copy_(send);
}

}  // namespace polaris
