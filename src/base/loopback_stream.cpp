#include "base/loopback_stream.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/error.h"

namespace polaris {
namespace {

template <auto release>
struct Free {
  template <class T>
  void operator()(T* object) const noexcept {
    release(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, Free<BIO_free>>;
using Connection = std::unique_ptr<SSL, Free<SSL_free>>;

class PlainStream : public LoopbackStream {
 public:
  explicit PlainStream(int socket) : socket_(socket) {}

  std::size_t read(char* into, std::size_t size) override {
    const ssize_t count = ::recv(socket_, into, size, 0);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

  bool write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), 0);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int socket_;
};

class TlsStream : public LoopbackStream {
 public:
  explicit TlsStream(Connection connection) : connection_(std::move(connection)) {}
  ~TlsStream() override { SSL_shutdown(connection_.get()); }

  std::size_t read(char* into, std::size_t size) override {
    std::size_t count = 0;
    return SSL_read_ex(connection_.get(), into, size, &count) == 1 ? count : 0;
  }

  bool write(std::string_view bytes) override {
    std::size_t count = 0;  // blocking and without partial writes: all or nothing
    return bytes.empty() ||
           SSL_write_ex(connection_.get(), bytes.data(), bytes.size(), &count) == 1;
  }

 private:
  Connection connection_;
};

Certificate self_signed(EVP_PKEY* key, const std::string& host) {
  constexpr long kValid_s = 3600;
  Certificate certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -kValid_s);
  X509_gmtime_adj(X509_getm_notAfter(x), kValid_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("polaris test"), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  X509_set_pubkey(x, key);
  in_addr address{};
  const bool is_address = inet_pton(AF_INET, host.c_str(), &address) == 1;
  const std::string names = fmt::format("{}:{}", is_address ? "IP" : "DNS", host);
  const Extension extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  POLARIS_CHECK(extension != nullptr, "no certificate can be made for {}", host);
  X509_add_ext(x, extension.get(), -1);
  POLARIS_CHECK(X509_sign(x, key, EVP_sha256()) > 0, "OpenSSL did not sign");
  return certificate;
}

std::string pem_of(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::unique_ptr<LoopbackStream> plain_stream(int socket) {
  return std::make_unique<PlainStream>(socket);
}

struct LoopbackTls::Context {
  std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> ssl{SSL_CTX_new(TLS_server_method())};
};

LoopbackTls::LoopbackTls(const std::string& host) : context_(std::make_unique<Context>()) {
  const Key key(EVP_EC_gen("P-256"));
  POLARIS_CHECK(key != nullptr && context_->ssl != nullptr, "OpenSSL did not start");
  const Certificate certificate = self_signed(key.get(), host);
  certificate_pem_ = pem_of(certificate.get());
  SSL_CTX_use_certificate(context_->ssl.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context_->ssl.get(), key.get());
}

LoopbackTls::~LoopbackTls() = default;

std::unique_ptr<LoopbackStream> LoopbackTls::accept(int socket) const {
  Connection connection(SSL_new(context_->ssl.get()));
  SSL_set_fd(connection.get(), socket);
  if (SSL_accept(connection.get()) != 1) return nullptr;
  return std::make_unique<TlsStream>(std::move(connection));
}

}  // namespace polaris
