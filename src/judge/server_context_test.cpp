#include "judge/server_context.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

std::optional<std::int64_t> context_in_body(const std::string& body, int status = 200) {
  return context_in(HttpResponse{.status = status, .body = body}, "m");
}

TEST(ServerContext, IsAskedForWhereServersTellIt) {
  JudgeConfig config = {.base_url = "http://localhost:8080/v1/"};
  EXPECT_EQ(context_urls(config), (std::vector<std::string>{"http://localhost:8080/props",
                                                            "http://localhost:8080/v1/models"}));
  config.base_url = "http://localhost/api";
  EXPECT_EQ(context_urls(config), std::vector<std::string>{"http://localhost/api/models"});
  config.dialect = JudgeDialect::kGemini;
  EXPECT_TRUE(context_urls(config).empty());
}

TEST(ServerContext, IsReadFromWhatLlamaServerAndVllmSay) {
  EXPECT_EQ(context_in_body(R"({"default_generation_settings":{"n_ctx":4096},"total_slots":2})"),
            4096);
  EXPECT_EQ(context_in_body(R"({"data":[{"id":"x","max_model_len":1},
                                        {"id":"m","max_model_len":32768}]})"),
            32768);
  EXPECT_EQ(context_in_body(R"({"data":[{"id":"path/of/m","max_model_len":8192}]})"), 8192);
}

TEST(ServerContext, IsAbsentWhereTheServerDoesNotTell) {
  EXPECT_FALSE(context_in(HttpFailure{}, "m"));
  EXPECT_FALSE(context_in_body(R"({"default_generation_settings":{"n_ctx":4096}})", 404));
  for (const char* body :
       {"", "<html>", "[]", "{}", R"({"data":[]})", R"({"data":{"id":"m"}})",
        R"({"data":[{"id":"m","max_model_len":"many"}]})", R"({"data":[{"id":"m"}]})",
        R"({"data":[{"id":"x","max_model_len":1},{"id":"y","max_model_len":2}]})",
        R"({"data":[{"id":"m","meta":{"n_ctx_train":131072}}]})"})
    EXPECT_FALSE(context_in_body(body)) << body;
}

}  // namespace
}  // namespace polaris
