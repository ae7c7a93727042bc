#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace polaris {

/// The server's end of one connection: blocking, closed by the destructor. LoopbackServer ends a
/// blocked call from outside with ::shutdown() on the descriptor.
class LoopbackStream {
 public:
  virtual ~LoopbackStream() = default;

  /// At least one byte; 0 when the peer has closed or the connection is broken.
  virtual std::size_t read(char* into, std::size_t size) = 0;

  /// False if the peer is gone.
  virtual bool write(std::string_view bytes) = 0;
};

/// Plain TCP on a connected socket, which stays the caller's.
std::unique_ptr<LoopbackStream> plain_stream(int socket);

/// TLS with a self-signed certificate that is made on construction and forgotten afterwards.
class LoopbackTls {
 public:
  /// @param host  whom the certificate is for: an IPv4 address or a DNS name
  explicit LoopbackTls(const std::string& host);
  ~LoopbackTls();
  LoopbackTls(const LoopbackTls&) = delete;
  LoopbackTls& operator=(const LoopbackTls&) = delete;

  const std::string& certificate_pem() const { return certificate_pem_; }

  /// Does the handshake; null if the client breaks it off. The socket stays the caller's.
  std::unique_ptr<LoopbackStream> accept(int socket) const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::string certificate_pem_;
};

}  // namespace polaris
