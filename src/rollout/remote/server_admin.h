#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/json.h"
#include "rollout/rollout_config.h"

namespace polaris {

/// Calls about the server itself, one at a time: what it serves, new weights. Waits for answers;
/// not for the loop thread.
class ServerAdmin {
 public:
  /// All borrowed.
  /// @param interrupted  asked while a call or a pause lasts
  ServerAdmin(HttpClient& client, const RemoteRolloutConfig& config, const std::string& key,
              const std::function<bool()>& interrupted)
      : client_(client), config_(config), key_(key), interrupted_(interrupted) {}

  /// The JSON of a 2xx answer; null for a body that is none (vLLM answers some calls with a
  /// sentence). Transient failures are repeated rollout.remote.max_attempts times in all.
  /// @param path  behind the server's root: "/v1/models"
  /// @throws Error{kUnavailable} naming the call and what came; Error{kInterrupted}
  Json get(std::string_view path) { return call("GET", path, Json()); }
  Json post(std::string_view path, const Json& body) { return call("POST", path, body); }

  /// As get(); null if the server does not know the path (404, 405).
  Json get_if_known(std::string_view path);

 private:
  HttpResult fetch(HttpRequest request);
  Json call(std::string_view method, std::string_view path, const Json& body,
            bool may_be_unknown = false);
  void pause(double seconds) const;

  HttpClient& client_;
  const RemoteRolloutConfig& config_;
  const std::string& key_;
  const std::function<bool()>& interrupted_;
};

/// "http://host:8000" of "http://host:8000/v1/": where a server has its own paths.
std::string server_root(std::string_view base_url);

/// Puts the key in as "Authorization: Bearer <key>"; an empty one adds nothing.
void add_bearer(HttpRequest& request, std::string_view key);

}  // namespace polaris
