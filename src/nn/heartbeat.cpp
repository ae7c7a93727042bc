#include "nn/heartbeat.h"

#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/thread_signals.h"

namespace polaris {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(500);
constexpr int kPoll_ms = 50;                        // how soon a destructor is noticed
constexpr std::size_t kMaxFailureCharacters = 600;  // a datagram is small
constexpr std::size_t kMaxDatagram = 8192;

}  // namespace

Heartbeat::Heartbeat(int rank, const std::string& address) : rank_(rank) {
  const Destination own = destination(address + ":0");
  socket_ = ::socket(own.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  char port[NI_MAXSERV] = "";
  if (socket_ < 0 || ::bind(socket_, reinterpret_cast<const sockaddr*>(&own.address), own.size) ||
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&bound), &size) ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, port, sizeof port,
                    NI_NUMERICSERV | NI_DGRAM)) {
    const std::string reason = std::strerror(errno);
    if (socket_ >= 0) ::close(socket_);
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("this machine cannot listen at its address {}: {}", address, reason));
  }
  contact_ = address + ":" + port;
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    own_.left = true;
  }
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
    tell();
  }
  ::close(socket_);
}

Heartbeat::Destination Heartbeat::destination(const std::string& contact) {
  const std::size_t colon = contact.rfind(':');
  const std::string host = contact.substr(0, colon);
  const addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM};
  addrinfo* list = nullptr;
  if (colon == std::string::npos ||
      ::getaddrinfo(host.c_str(), contact.c_str() + colon + 1, &hints, &list) != 0)
    throw Error(ErrorCode::kInvalidConfig, fmt::format("'{}' is not an address", contact));
  Destination found;
  std::memcpy(&found.address, list->ai_addr, list->ai_addrlen);
  found.size = list->ai_addrlen;
  ::freeaddrinfo(list);
  return found;
}

void Heartbeat::start(std::span<const std::string> contacts) {
  for (const std::string& contact : contacts) destinations_.push_back(destination(contact));
  run_ = contacts[0];
  words_.resize(contacts.size());
  thread_ = std::thread([this] { run(); });
}

void Heartbeat::come_to(std::int64_t operation) {
  const std::lock_guard lock(mutex_);
  own_.operation = operation;
}

void Heartbeat::give_up(const std::string& failure) {
  {
    const std::lock_guard lock(mutex_);
    own_.failure = shorten(failure, kMaxFailureCharacters);
  }
  tell();
}

std::vector<Heartbeat::Word> Heartbeat::words() const {
  const std::lock_guard lock(mutex_);
  return words_;
}

void Heartbeat::run() {
  block_signals();
  Time next = std::chrono::steady_clock::now();
  while (!stop_) {
    if (std::chrono::steady_clock::now() >= next) {
      tell();
      next = std::chrono::steady_clock::now() + kInterval;
    }
    pollfd waiting = {.fd = socket_, .events = POLLIN};
    if (::poll(&waiting, 1, kPoll_ms) > 0) listen();
  }
}

void Heartbeat::tell() const {
  std::string datagram;
  {
    const std::lock_guard lock(mutex_);
    datagram = dump_json({{"run", run_},
                          {"rank", rank_},
                          {"operation", own_.operation},
                          {"left", own_.left},
                          {"failure", own_.failure}});
  }
  for (std::size_t rank = 0; rank < destinations_.size(); ++rank) {
    if (rank == static_cast<std::size_t>(rank_)) continue;
    const Destination& to = destinations_[rank];
    ::sendto(socket_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&to.address), to.size);
  }
}

void Heartbeat::listen() {
  char buffer[kMaxDatagram];
  for (;;) {
    const ssize_t size = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0) return;
    hear({buffer, static_cast<std::size_t>(size)});
  }
}

void Heartbeat::hear(std::string_view datagram) {
  // Anybody can send here; what is not one of ours is nothing.
  try {
    const Json said = parse_json(datagram, "heartbeat");
    if (said.at("run").get_ref<const std::string&>() != run_) return;
    Word& word = words_.at(said.at("rank").get<std::size_t>());
    Word now = {.heard = std::chrono::steady_clock::now(),
                .operation = said.at("operation").get<std::int64_t>(),
                .left = said.at("left").get<bool>(),
                .failure = said.at("failure").get<std::string>()};
    const std::lock_guard lock(mutex_);
    word = std::move(now);
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace polaris
