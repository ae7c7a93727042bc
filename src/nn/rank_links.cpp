#include "nn/internal/rank_links.h"

#include <c10/util/Logging.h>
#include <fmt/format.h>

#include <future>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/thread_signals.h"
#include "nn/host_address.h"

C10_DECLARE_int(caffe2_log_level);

namespace polaris::nn {
namespace {

using Clock = std::chrono::steady_clock;
using Store = c10::intrusive_ptr<c10d::Store>;

/// What c10d has to say goes into errors; it also writes it on standard error, unless the user has
/// asked for that.
void quieten_c10d() {
  constexpr int kFatal = 3;
  if (!environment_variable("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = kFatal;
}

Store open_store(const Rendezvous& at, double timeout_s) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(at.port);
  options.isServer = at.rank == 0 && !at.launcher_listens;
  options.waitWorkers = false;
  options.timeout = milliseconds(timeout_s);
  try {
    return c10::make_intrusive<c10d::PrefixStore>(
        "polaris/" + at.attempt, c10::make_intrusive<c10d::TCPStore>(at.address, options));
  } catch (const std::exception& e) {
    const std::string reason = plain_reason(e);
    if (reason.find("EADDRINUSE") != std::string::npos)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("MASTER_PORT {} is taken on this machine (another run?); choose "
                              "another port",
                              at.port));
    if (options.isServer)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("rank 0 cannot listen at MASTER_ADDR {}, MASTER_PORT {} ({}); they "
                              "must be of the machine it runs on",
                              at.address, at.port, reason));
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("nobody answers at MASTER_ADDR {}, MASTER_PORT {} within {} s: rank 0 "
                    "was not started, or it listens elsewhere; every rank needs the same two",
                    at.address, at.port, timeout_s));
  }
}

std::string own_address(const Rendezvous& at) {
  const auto interface = environment_variable("GLOO_SOCKET_IFNAME");
  return interface ? address_of_interface(*interface) : address_towards(at.address, at.port);
}

std::string rank_key(int rank) { return fmt::format("rank {}", rank); }

/// Leaves this rank's contact and waits for those of all others.
std::vector<std::string> exchange_contacts(c10d::Store& store, const Rendezvous& at,
                                           const std::string& contact, double timeout_s) {
  constexpr auto kPoll = std::chrono::milliseconds(20);
  constexpr auto kFarewell = std::chrono::milliseconds(500);
  if (store.add("claims of " + rank_key(at.rank), 1) > 1)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("two processes say that they are rank {} at {}:{}; stop one, or choose "
                            "another MASTER_PORT",
                            at.rank, at.address, at.port));
  store.set(rank_key(at.rank), dump_json({{"contact", contact}, {"size", at.size}}));

  const Clock::time_point deadline = Clock::now() + milliseconds(timeout_s);
  const auto missing = [&] {
    std::vector<int> ranks;
    for (int rank = 0; rank < at.size; ++rank)
      if (!store.check({rank_key(rank)})) ranks.push_back(rank);
    return ranks;
  };
  for (std::vector<int> absent = missing(); !absent.empty(); absent = missing()) {
    // Whoever has waited longest says it for all: without rank 0 nobody else could find out.
    if (store.check({"failure"})) throw Error(ErrorCode::kUnavailable, store.get_to_str("failure"));
    if (Clock::now() > deadline) {
      const std::string failure = fmt::format(
          "rank{} {} of {} did not come to {}:{} within {} s: not started, or without a way to it; "
          "distributed.timeout_s says how long to wait",
          absent.size() == 1 ? "" : "s", fmt::join(absent, ", "), at.size, at.address, at.port,
          timeout_s);
      store.set("failure", failure);
      std::this_thread::sleep_for(kFarewell);
      throw Error(ErrorCode::kUnavailable, failure);
    }
    std::this_thread::sleep_for(kPoll);
  }

  std::vector<std::string> contacts;
  for (int rank = 0; rank < at.size; ++rank) {
    const Json said = parse_json(store.get_to_str(rank_key(rank)), rank_key(rank));
    if (said.at("size") != at.size)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("WORLD_SIZE is {} on rank {} and {} on rank {}", at.size, at.rank,
                              said.at("size").get<int>(), rank));
    contacts.push_back(said.at("contact").get<std::string>());
    if (is_loopback(contacts[0]) != is_loopback(contacts.back()))
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("rank 0 is at {} and rank {} at {}: MASTER_ADDR '{}' is not the same "
                              "to both machines; give it as a number, or name their network "
                              "interface in GLOO_SOCKET_IFNAME",
                              contacts[0], rank, contacts.back(), at.address));
  }
  return contacts;
}

RankLinks connect(const Rendezvous& at, double timeout_s) {
  block_signals();  // and with this thread's, those of all threads that c10d starts
  RankLinks links;
  links.store = open_store(at, timeout_s);
  try {
    const std::string address = own_address(at);
    links.heartbeat = std::make_shared<Heartbeat>(at.rank, address);
    links.heartbeat->start(
        exchange_contacts(*links.store, at, links.heartbeat->contact(), timeout_s));

    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout_s));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    options->threads = 1;
    links.gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>("gloo", links.store), at.rank, at.size, options);
    return links;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the ranks met at {}:{}, but rank {} of {} could not connect to all "
                            "others ({}); a rank has ended, or a firewall is between them",
                            at.address, at.port, at.rank, at.size, plain_reason(e)));
  }
}

}  // namespace

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::string plain_reason(const std::exception& failure) {
  std::string_view text = failure.what();
  text = text.substr(0, text.find('\n'));
  if (text.starts_with('[')) text.remove_prefix(std::min(text.find("] ") + 2, text.size()));
  return std::string(text);
}

RankLinks connect_ranks(const Rendezvous& rendezvous, double timeout_s) {
  constexpr double kMargin_s = 5;
  quieten_c10d();
  std::packaged_task<RankLinks()> task([=] { return connect(rendezvous, timeout_s); });
  auto links = task.get_future();
  std::thread(std::move(task)).detach();
  if (links.wait_for(milliseconds(2 * timeout_s + kMargin_s)) != std::future_status::ready)
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("something listens at MASTER_ADDR {}, MASTER_PORT {}, but says nothing: "
                    "rank 0 is stopped, or the port is another program's",
                    rendezvous.address, rendezvous.port));
  return links.get();
}

}  // namespace polaris::nn
