#include "nn/host_address.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"

namespace polaris {
namespace {

std::string numeric(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = "";
  if (::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return text;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
  void operator()(ifaddrs* list) const noexcept { ::freeifaddrs(list); }
};

}  // namespace

std::string address_towards(const std::string& host, int port) {
  const addrinfo hints = {.ai_socktype = SOCK_DGRAM};
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list))
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("MASTER_ADDR is '{}', which has no address ({}); give the name or the "
                            "number of the machine of rank 0",
                            host, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  for (const addrinfo* candidate = list; candidate != nullptr; candidate = candidate->ai_next) {
    const int socket = ::socket(candidate->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    auto* const own_address = reinterpret_cast<sockaddr*>(&own);
    // Connecting a datagram socket only looks up the route.
    const bool found = ::connect(socket, candidate->ai_addr, candidate->ai_addrlen) == 0 &&
                       ::getsockname(socket, own_address, &size) == 0;
    ::close(socket);
    if (found) return numeric(own_address, size);
  }
  throw Error(ErrorCode::kInvalidConfig,
              fmt::format("there is no way from this machine to MASTER_ADDR '{}'; give the name or "
                          "the number of the machine of rank 0",
                          host));
}

std::string address_of_interface(const std::string& name) {
  ifaddrs* list = nullptr;
  std::string found;
  if (::getifaddrs(&list) == 0) {
    const std::unique_ptr<ifaddrs, FreeAddresses> owned(list);
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      if (name != entry->ifa_name || entry->ifa_addr == nullptr) continue;
      const int family = entry->ifa_addr->sa_family;
      if (family == AF_INET) return numeric(entry->ifa_addr, sizeof(sockaddr_in));
      if (family == AF_INET6) found = numeric(entry->ifa_addr, sizeof(sockaddr_in6));
    }
  }
  if (found.empty())
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("GLOO_SOCKET_IFNAME is '{}', an interface that this machine does not "
                            "have or that has no address",
                            name));
  return found;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

}  // namespace polaris
