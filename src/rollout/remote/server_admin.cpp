#include "rollout/remote/server_admin.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/retry.h"
#include "rollout/remote/call_failure.h"

namespace polaris {
namespace {

constexpr auto kTick = std::chrono::milliseconds(50);

Json body_of(const HttpResponse& response) {
  try {
    return parse_json(response.body, "the server's answer");
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Json ServerAdmin::get_if_known(std::string_view path) {
  return call("GET", path, Json(), /*may_be_unknown=*/true);
}

HttpResult ServerAdmin::fetch(HttpRequest request) {
  const auto answer = std::make_shared<std::promise<HttpResult>>();
  auto result = answer->get_future();
  const RequestId id = client_.submit(
      std::move(request), [answer](HttpResult done) { answer->set_value(std::move(done)); });
  while (result.wait_for(kTick) != std::future_status::ready) {
    if (!interrupted_()) continue;
    client_.cancel(id);
    throw Error(ErrorCode::kInterrupted, "stopped while waiting for the story server");
  }
  return result.get();
}

void ServerAdmin::pause(double seconds) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (interrupted_())
      throw Error(ErrorCode::kInterrupted, "stopped while waiting for the story server");
    std::this_thread::sleep_for(
        std::min<std::chrono::duration<double>>(kTick, end - std::chrono::steady_clock::now()));
  }
}

Json ServerAdmin::call(std::string_view method, std::string_view path, const Json& body,
                       bool may_be_unknown) {
  HttpRequest request{.method = std::string(method),
                      .url = server_root(config_.base_url) + std::string(path),
                      .deadline_s = config_.deadline_s};
  if (!body.is_null()) {
    request.headers.push_back({"content-type", "application/json"});
    request.body = dump_json(body);
  }
  add_bearer(request, key_);
  for (int attempt = 1;; ++attempt) {
    const HttpResult result = fetch(request);
    CallFailure failure;
    if (const auto* response = std::get_if<HttpResponse>(&result)) {
      if (response->status / 100 == 2) return body_of(*response);
      if (may_be_unknown && (response->status == 404 || response->status == 405)) return {};
      failure = call_failure(*response, SystemClock().wall_s());
      failure.message =
          fmt::format("{} {}: {}", method, redacted_url(request.url), failure.message);
    } else {
      failure = call_failure(std::get<HttpFailure>(result));
    }
    if (!failure.may_repeat || attempt >= config_.max_attempts)
      throw Error(ErrorCode::kUnavailable, failure.message);
    pause(retry_delay_s(attempt, failure.wait_s, config_.retry_base_delay_s, path));
  }
}

std::string server_root(std::string_view base_url) {
  while (base_url.ends_with('/')) base_url.remove_suffix(1);
  if (base_url.ends_with("/v1")) base_url.remove_suffix(3);
  return std::string(base_url);
}

void add_bearer(HttpRequest& request, std::string_view key) {
  if (!key.empty()) request.headers.push_back({"authorization", fmt::format("Bearer {}", key)});
}

}  // namespace polaris
