#include "nn/process_group.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <thread>

#include "base/error.h"
#include "nn/internal/rank_links.h"
#include "nn/rank_failure.h"

namespace polaris {
namespace {

/// What a rank is about to do. All must do the same.
enum class Call : std::int64_t { kAllGather, kBroadcast, kAllToAll };

/// Any tensor as a row of bytes, which is a type that every backend moves.
at::Tensor bytes_of(const at::Tensor& values) {
  POLARIS_CHECK(values.is_contiguous(), "the collective moves contiguous tensors");
  return values.detach().view({values.numel()}).view(at::kByte);
}

/// For the end of a group, where a further failure is no news.
template <class Work>
void quietly(const Work& work) noexcept {
  try {
    work();
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace

class ProcessGroup::Impl {
 public:
  Impl(const Rendezvous& rendezvous, const DistributedConfig& config)
      : rank_(rendezvous.rank), size_(rendezvous.size), config_(config) {
    links_ = nn::connect_ranks(rendezvous, config.timeout_s);
    if (config.backend == Backend::kNccl) open_nccl();
  }

  ~Impl() {
    if (nccl_) quietly([this] { nccl_->shutdown(); });
  }

  int rank() const { return rank_; }
  int size() const { return size_; }

  std::vector<std::string> all_gather(std::string_view bytes) {
    const auto sizes = meet(Call::kAllGather, 0, static_cast<std::int64_t>(bytes.size()));
    std::vector<std::string> parts(static_cast<std::size_t>(size_));
    for (int rank = 0; rank < size_; ++rank) {
      std::string& part = parts[static_cast<std::size_t>(rank)];
      if (rank == rank_)
        part = bytes;
      else
        part.resize(static_cast<std::size_t>(sizes[static_cast<std::size_t>(rank)]));
      if (!part.empty())
        send_to_all(*links_.gloo,
                    at::from_blob(part.data(), {static_cast<std::int64_t>(part.size())}, at::kByte),
                    rank);
    }
    return parts;
  }

  void broadcast(const at::Tensor& values, int root) {
    meet_with_equal(Call::kBroadcast, root, values);
    if (values.numel() == 0) return;
    if (c10d::Backend* const nccl = backend_for(values))
      return send_to_all(*nccl, bytes_of(values), root);
    at::Tensor host = values.cpu();
    send_to_all(*links_.gloo, bytes_of(host), root);
    if (host.device() != values.device()) values.copy_(host);
  }

  void all_to_all(const at::Tensor& send, const at::Tensor& receive) {
    POLARIS_CHECK(send.dim() > 0 && send.size(0) == size_ && send.nbytes() == receive.nbytes(),
                  "a row for every rank is sent and received");
    meet_with_equal(Call::kAllToAll, 0, send);
    if (send.numel() == 0) return;
    if (c10d::Backend* const nccl = backend_for(send)) return exchange_rows(*nccl, send, receive);
    const at::Tensor host = receive.is_cpu() ? receive : receive.cpu();
    exchange_rows(*links_.gloo, send.cpu(), host);
    if (!receive.is_cpu()) receive.copy_(host);
  }

 private:
  void open_nccl() {
    nccl_ = nn::nccl_backend(links_.store, rank_, size_, nn::milliseconds(config_.timeout_s));
  }

  /// NCCL for tensors on a GPU; nothing where they go through the host.
  c10d::Backend* backend_for(const at::Tensor& values) {
    if (values.is_cpu() || config_.backend == Backend::kGloo) return nullptr;
    if (!nccl_) open_nccl();
    return nccl_.get();
  }

  void send_to_all(c10d::Backend& backend, const at::Tensor& bytes, int root) {
    std::vector<at::Tensor> tensors = {bytes};
    attempt([&] { return backend.broadcast(tensors, {.rootRank = root}); });
  }

  void exchange_rows(c10d::Backend& backend, const at::Tensor& send, const at::Tensor& receive) {
    at::Tensor from = bytes_of(send);
    at::Tensor to = bytes_of(receive);
    std::vector<std::int64_t> equal;  // no sizes: all rows are of one
    attempt([&] { return backend.alltoall_base(to, from, equal, equal); });
  }

  /// Returns once every rank has come and means the same.
  /// @return [size] the numbers of bytes
  std::vector<std::int64_t> meet(Call call, int root, std::int64_t bytes) {
    if (!failure_.empty()) throw Error(ErrorCode::kUnavailable, failure_);
    links_.heartbeat->come_to(++operation_);
    constexpr std::int64_t kFields = 3;
    at::Tensor own = at::empty({kFields}, at::kLong);
    auto* const said = own.mutable_data_ptr<std::int64_t>();
    said[0] = static_cast<std::int64_t>(call);
    said[1] = root;
    said[2] = bytes;
    at::Tensor all = at::empty({size_ * kFields}, at::kLong);
    attempt([&] { return links_.gloo->_allgather_base(all, own); });

    const auto* heard = all.const_data_ptr<std::int64_t>();
    std::vector<std::int64_t> sizes;
    for (int rank = 0; rank < size_; ++rank, heard += kFields) {
      POLARIS_CHECK(heard[0] == said[0] && heard[1] == root,
                    "ranks {} and {} call different operations of the collective", rank_, rank);
      sizes.push_back(heard[2]);
    }
    return sizes;
  }

  void meet_with_equal(Call call, int root, const at::Tensor& values) {
    const auto bytes = static_cast<std::int64_t>(values.nbytes());
    const auto sizes = meet(call, root, bytes);
    for (int rank = 0; rank < size_; ++rank)
      POLARIS_CHECK(sizes[static_cast<std::size_t>(rank)] == bytes,
                    "ranks {} and {} pass tensors of different sizes", rank_, rank);
  }

  /// Runs what `start` starts to its end.
  template <class Start>
  void attempt(const Start& start) {
    const auto begin = std::chrono::steady_clock::now();
    FailedOperation failure{.rank = rank_, .operation = operation_, .timeout_s = config_.timeout_s};
    try {
      start()->wait();
      return;
    } catch (const std::exception& e) {
      failure.reason = nn::plain_reason(e);
    }
    failure.failed = std::chrono::steady_clock::now();
    failure.timed_out = failure.failed - begin >= nn::milliseconds(config_.timeout_s);
    give_up(failure);
  }

  [[noreturn]] void give_up(const FailedOperation& failure) {
    constexpr auto kListen = std::chrono::seconds(3);  // some heartbeats
    constexpr auto kPoll = std::chrono::milliseconds(20);
    // Whoever waits for this rank wakes up and asks the same question.
    if (nccl_) quietly([this] { nccl_->abort(); });
    nccl_.reset();
    links_.gloo.reset();
    while (!is_explained(failure, links_.heartbeat->words()) &&
           std::chrono::steady_clock::now() < failure.failed + kListen)
      std::this_thread::sleep_for(kPoll);
    failure_ = failure_text(failure, links_.heartbeat->words());
    links_.heartbeat->give_up(failure_);
    throw Error(ErrorCode::kUnavailable, failure_);
  }

  int rank_;
  int size_;
  DistributedConfig config_;
  nn::RankLinks links_;
  c10::intrusive_ptr<c10d::Backend> nccl_;  // with the first tensor on a GPU
  std::int64_t operation_ = 0;
  std::string failure_;  // once set, the group is of no further use
};

ProcessGroup::ProcessGroup(const Rendezvous& rendezvous, const DistributedConfig& config)
    : impl_(std::make_unique<Impl>(rendezvous, config)) {}

ProcessGroup::~ProcessGroup() = default;

int ProcessGroup::rank() const { return impl_->rank(); }
int ProcessGroup::size() const { return impl_->size(); }

std::vector<std::string> ProcessGroup::all_gather(std::string_view bytes) {
  return impl_->all_gather(bytes);
}

void ProcessGroup::broadcast(const at::Tensor& values, int root) { impl_->broadcast(values, root); }

void ProcessGroup::all_to_all(const at::Tensor& send, const at::Tensor& receive) {
  impl_->all_to_all(send, receive);
}

}  // namespace polaris
