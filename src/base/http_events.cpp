#include "base/http_events.h"

#include <curl/curl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace polaris {

/// What libcurl calls, on the loop thread.
struct HttpEvents::Callbacks {
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
    const int epoll = static_cast<HttpEvents*>(self)->epoll_;
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);  // a closed one is gone already
      return 0;
    }
    epoll_event event{};
    if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
    event.data.fd = socket;
    if (::epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) == 0) return 0;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);  // -1 ends the transfer
  }

  static int on_timer(CURLM*, long wait_ms, void* self) {
    auto& events = *static_cast<HttpEvents*>(self);
    events.due_s_.reset();
    if (wait_ms >= 0)
      events.due_s_ = events.clock_.steady_s() + 1e-3 * static_cast<double>(wait_ms);
    return 0;
  }
};

HttpEvents::HttpEvents()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_up_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_up_;
  if (epoll_ >= 0 && wake_up_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_up_, &event) == 0)
    return;
  const std::string reason = std::strerror(errno);
  ::close(wake_up_);
  ::close(epoll_);
  throw Error(ErrorCode::kIo, fmt::format("no event queue for HTTP: {}", reason));
}

HttpEvents::~HttpEvents() {
  ::close(wake_up_);
  ::close(epoll_);
}

void HttpEvents::watch(void* multi) {
  multi_ = multi;
  void* self = this;
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Callbacks::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, self);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Callbacks::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, self);
}

void HttpEvents::wait(double longest_s) {
  if (due_s_) longest_s = std::min(longest_s, *due_s_ - clock_.steady_s());
  // Rounded up: rounded down, the loop would spin through the last fraction.
  const int longest_ms = static_cast<int>(std::ceil(1000.0 * std::max(longest_s, 0.0)));
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), longest_ms);
  ready_.clear();
  for (int i = 0; i < count; ++i) {  // -1: interrupted
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    if (event.data.fd == wake_up_) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_up_, &ignored);
      continue;
    }
    Ready ready{.socket = event.data.fd};
    if ((event.events & (EPOLLIN | EPOLLHUP)) != 0) ready.what |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) ready.what |= CURL_CSELECT_OUT;
    if ((event.events & EPOLLERR) != 0) ready.what |= CURL_CSELECT_ERR;
    ready_.push_back(ready);
  }
}

void HttpEvents::perform() {
  const auto act = [&](curl_socket_t socket, int what) {
    int running = 0;
    const CURLMcode code = curl_multi_socket_action(multi_, socket, what, &running);
    POLARIS_CHECK(code == CURLM_OK, "libcurl: {}", curl_multi_strerror(code));
  };
  for (const Ready& ready : ready_) act(ready.socket, ready.what);
  ready_.clear();
  if (!due_s_ || *due_s_ > clock_.steady_s()) return;
  due_s_.reset();
  act(CURL_SOCKET_TIMEOUT, 0);
}

void HttpEvents::wake() const { ::eventfd_write(wake_up_, 1); }

}  // namespace polaris
