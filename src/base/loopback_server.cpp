#include "base/loopback_server.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "base/thread_signals.h"

namespace polaris {
namespace {

constexpr std::size_t kMaxRequestBytes = 64U << 20;

/// Reads the requests of one connection, one after the other.
class RequestReader {
 public:
  explicit RequestReader(LoopbackStream& stream) : stream_(stream) {}

  /// Empty when the client has closed, or sends what we do not understand.
  std::optional<ServerRequest> next() {
    std::size_t head_end = std::string::npos;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!read_more()) return std::nullopt;
    auto request = parse_head(std::string_view(buffer_).substr(0, head_end));
    if (!request) return std::nullopt;
    buffer_.erase(0, head_end + 4);
    std::size_t size = 0;
    if (const auto length = find_header(request->headers, "Content-Length"))
      std::from_chars(length->data(), length->data() + length->size(), size);
    while (buffer_.size() < size)
      if (!read_more()) return std::nullopt;
    request->body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return request;
  }

 private:
  static std::optional<ServerRequest> parse_head(std::string_view head) {
    const auto lines = split(head, '\n');
    const auto words = split(trim(lines[0]), ' ');
    if (words.size() != 3) return std::nullopt;
    ServerRequest request{.method = std::string(words[0]), .target = std::string(words[1])};
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const auto colon = lines[i].find(':');
      if (colon == std::string_view::npos) return std::nullopt;
      request.headers.push_back(
          {std::string(lines[i].substr(0, colon)), std::string(trim(lines[i].substr(colon + 1)))});
    }
    return request;
  }

  bool read_more() {
    char bytes[16384];
    const std::size_t count = stream_.read(bytes, sizeof bytes);
    buffer_.append(bytes, count);
    return count > 0 && buffer_.size() <= kMaxRequestBytes;
  }

  LoopbackStream& stream_;
  std::string buffer_;
};

std::string head_of(const Reply& reply) {
  std::string head = fmt::format("HTTP/1.1 {} \r\n", reply.status);
  if (reply.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else {
    head += fmt::format("Content-Length: {}\r\n", reply.content_length.value_or(reply.body.size()));
  }
  for (const HttpHeader& header : reply.headers)
    head += fmt::format("{}: {}\r\n", header.name, header.value);
  return head + "\r\n";
}

}  // namespace

LoopbackServer::LoopbackServer(Handler handler, const std::optional<std::string>& tls_host)
    : handler_(std::move(handler)) {
  if (tls_host) tls_ = std::make_unique<LoopbackTls>(*tls_host);
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);  // port 0: the system chooses
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  constexpr int kBacklog = 1024;
  if (listener_ < 0 || ::bind(listener_, generic, size) != 0 ||
      ::listen(listener_, kBacklog) != 0 || ::getsockname(listener_, generic, &size) != 0 ||
      ::pipe(stop_pipe_) != 0) {
    throw Error(ErrorCode::kIo, fmt::format("no socket on 127.0.0.1: {}", std::strerror(errno)));
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

LoopbackServer::~LoopbackServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int socket : open_sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  changed_.notify_all();
  stopped_.notify_all();
  ::close(stop_pipe_[1]);
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
  ::close(stop_pipe_[0]);
  ::close(listener_);
}

std::string LoopbackServer::url(std::string_view path) const {
  return fmt::format("{}://127.0.0.1:{}{}", tls_ ? "https" : "http", port_, path);
}

const std::string& LoopbackServer::certificate_pem() const {
  POLARIS_CHECK(tls_ != nullptr, "this server does not speak TLS");
  return tls_->certificate_pem();
}

std::size_t LoopbackServer::request_count() const {
  const std::lock_guard lock(mutex_);
  return request_count_;
}

std::size_t LoopbackServer::connection_count() const {
  const std::lock_guard lock(mutex_);
  return connection_count_;
}

bool LoopbackServer::wait_for_requests(std::size_t count, double timeout_s) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(timeout_s),
                           [&] { return request_count_ >= count; });
}

void LoopbackServer::accept_connections() {
  block_signals();
  while (true) {
    pollfd wait_for[2] = {{listener_, POLLIN, 0}, {stop_pipe_[0], POLLIN, 0}};
    ::poll(wait_for, 2, -1);
    if (wait_for[1].revents != 0) return;
    const int socket = ::accept(listener_, nullptr, nullptr);
    if (socket < 0) continue;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // a drip is sent when it falls
    connections_.emplace_back([this, socket] { serve(socket); });
  }
}

void LoopbackServer::serve(int socket) {
  block_signals();
  {
    const std::lock_guard lock(mutex_);
    open_sockets_.insert(socket);
    ++connection_count_;
    if (stopping_) ::shutdown(socket, SHUT_RDWR);
  }
  if (const auto stream = tls_ ? tls_->accept(socket) : plain_stream(socket)) {
    RequestReader reader(*stream);
    while (const auto request = reader.next()) {
      {
        const std::lock_guard lock(mutex_);
        ++request_count_;
      }
      changed_.notify_all();
      if (!send(*stream, *request, answer(*request))) break;
    }
  }
  const std::lock_guard lock(mutex_);
  open_sockets_.erase(socket);  // under the lock: nobody may shut down a number that is used again
  ::close(socket);
}

Reply LoopbackServer::answer(const ServerRequest& request) {
  const std::lock_guard lock(handler_mutex_);
  try {
    return handler_(request);
  } catch (const std::exception& e) {
    return {.status = 500, .body = e.what()};
  }
}

/// Sends one reply with its faults. @return whether the connection can be used for another
bool LoopbackServer::send(LoopbackStream& stream, const ServerRequest& request,
                          const Reply& reply) {
  if (!pause(reply.delay_s)) return false;
  if (reply.before_sending) reply.before_sending();
  if (reply.silent) {
    constexpr double kUntilStopped_s = 1e6;
    return pause(kUntilStopped_s);
  }
  if (reply.raw) {
    stream.write(*reply.raw);
    return false;
  }
  if (!stream.write(head_of(reply))) return false;
  if (request.method == "HEAD") return true;

  std::string_view rest = reply.body;
  if (reply.cut_after) rest = rest.substr(0, *reply.cut_after);
  while (!rest.empty()) {
    const std::size_t bytes =
        reply.drip ? std::max<std::size_t>(reply.drip->bytes, 1) : rest.size();
    const std::string_view piece = rest.substr(0, bytes);
    rest.remove_prefix(piece.size());
    const bool sent = reply.chunked
                          ? stream.write(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece))
                          : stream.write(piece);
    if (!sent || (reply.drip && !pause(reply.drip->every_s))) return false;
  }
  if (reply.cut_after || reply.content_length > reply.body.size()) return false;
  return !reply.chunked || stream.write("0\r\n\r\n");
}

/// False if the server is stopped meanwhile.
bool LoopbackServer::pause(double seconds) const {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, std::chrono::duration<double>(seconds),
                            [&] { return stopping_; });
}

}  // namespace polaris
