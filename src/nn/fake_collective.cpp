#include "nn/fake_collective.h"

#include <ATen/core/Tensor.h>

#include <cstring>

#include "base/error.h"

namespace polaris {
namespace {

/// On the CPU, contiguous.
std::string_view bytes_of(const at::Tensor& values) {
  return {static_cast<const char*>(values.const_data_ptr()), values.nbytes()};
}

void write_bytes(const at::Tensor& values, std::string_view bytes) {
  POLARIS_CHECK(bytes.size() == values.nbytes(), "ranks passed different shapes");
  if (!bytes.empty()) std::memcpy(values.mutable_data_ptr(), bytes.data(), bytes.size());
}

}  // namespace

void FakeCollective::broadcast(const at::Tensor& values, int root) {
  const auto parts = rendezvous_.meet(rank_, rank_ == root ? bytes_of(values) : std::string_view());
  write_bytes(values, parts[static_cast<std::size_t>(root)]);
}

void FakeCollective::all_to_all(const at::Tensor& send, const at::Tensor& receive) {
  const auto parts = rendezvous_.meet(rank_, bytes_of(send));
  const std::size_t row = send.nbytes() / parts.size();
  for (int from = 0; from < size(); ++from)
    write_bytes(receive[from], std::string_view(parts[static_cast<std::size_t>(from)])
                                   .substr(static_cast<std::size_t>(rank_) * row, row));
}

void on_ranks(FakeRendezvous& rendezvous, const std::function<void(Collective&)>& body) {
  on_threads(rendezvous, [&](int rank) {
    FakeCollective collective(rendezvous, rank);
    body(collective);
  });
}

}  // namespace polaris
