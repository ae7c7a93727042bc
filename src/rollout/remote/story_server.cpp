#include "rollout/remote/story_server.h"

#include "base/error.h"
#include "base/strings.h"
#include "rollout/remote/server_admin.h"

namespace polaris {

void StoryServer::add_key(HttpRequest& request, std::string_view key) const {
  add_bearer(request, key);
}

void StoryServer::load_policy(ServerAdmin&, const std::string&, const std::filesystem::path&) {
  throw Error(ErrorCode::kInvalidConfig,
              "this server cannot be given new weights while it runs; training needs "
              "rollout.remote.server = vllm or sglang");
}

void MissingOptions::refuse() const {
  if (needs_.empty()) return;
  throw Error(ErrorCode::kInvalidConfig,
              fmt::format("{} does not sample as asked; set {} (training and validation have keys "
                          "of their own)",
                          server_, join(needs_, ", ")));
}

}  // namespace polaris
