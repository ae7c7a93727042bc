#include "base/http_sockets.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <new>
#include <string_view>

namespace polaris {
namespace {

/// Whether `name_of` (getsockname or getpeername) says that the socket's end is ip:port.
template <class NameOf>
bool is_at(NameOf name_of, int socket, std::string_view ip, int port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (name_of(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  const bool is_v4 = address.ss_family == AF_INET;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = is_v4 ? static_cast<const void*>(&v4->sin_addr) : &v6->sin6_addr;
  return ntohs(is_v4 ? v4->sin_port : v6->sin6_port) == port &&
         inet_ntop(address.ss_family, bytes, text.data(), text.size()) != nullptr &&
         ip == text.data();
}

/// In the kernel, or decrypted already and kept by OpenSSL.
bool has_bytes_waiting(CURL* easy_handle, int socket) {
  char byte = 0;
  if (::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) return true;
  const curl_tlssessioninfo* tls = nullptr;
  return curl_easy_getinfo(easy_handle, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != nullptr &&
         tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals != nullptr &&
         SSL_has_pending(static_cast<const SSL*>(tls->internals)) == 1;
}

}  // namespace

/// What libcurl calls, on the loop thread.
struct HttpSockets::Callbacks {
  static curl_socket_t open(void* self, curlsocktype, curl_sockaddr* address) {
    const int socket = ::socket(address->family, address->socktype, address->protocol);
    if (socket < 0) return CURL_SOCKET_BAD;
    try {
      static_cast<HttpSockets*>(self)->open_[socket] = {};
    } catch (const std::bad_alloc&) {
      ::close(socket);
      return CURL_SOCKET_BAD;
    }
    return socket;
  }

  static int close(void* self, curl_socket_t socket) {
    static_cast<HttpSockets*>(self)->open_.erase(socket);
    return ::close(socket);
  }

  /// The connection is there, and nothing of the request has been sent.
  static int before_request(void* easy_handle, char* peer_ip, char* local_ip, int peer_port,
                            int local_port) {
    HttpSockets* self = nullptr;
    curl_easy_getinfo(easy_handle, CURLINFO_PRIVATE, &self);
    for (auto& [socket, known] : self->open_) {
      if ((known.local_port != 0 && known.local_port != local_port) ||
          !is_at(::getsockname, socket, local_ip, local_port) ||
          !is_at(::getpeername, socket, peer_ip, peer_port))
        continue;
      known.local_port = local_port;
      // On a new connection bytes may wait: session tickets of TLS.
      if (known.used && has_bytes_waiting(easy_handle, socket)) ::shutdown(socket, SHUT_RDWR);
      known.used = true;
    }
    return CURL_PREREQFUNC_OK;
  }
};

void HttpSockets::watch(void* easy_handle) {
  void* self = this;
  curl_easy_setopt(easy_handle, CURLOPT_OPENSOCKETFUNCTION, &Callbacks::open);
  curl_easy_setopt(easy_handle, CURLOPT_OPENSOCKETDATA, self);
  curl_easy_setopt(easy_handle, CURLOPT_CLOSESOCKETFUNCTION, &Callbacks::close);
  curl_easy_setopt(easy_handle, CURLOPT_CLOSESOCKETDATA, self);
  curl_easy_setopt(easy_handle, CURLOPT_PREREQFUNCTION, &Callbacks::before_request);
  curl_easy_setopt(easy_handle, CURLOPT_PREREQDATA, easy_handle);
  curl_easy_setopt(easy_handle, CURLOPT_PRIVATE, self);
}

}  // namespace polaris
