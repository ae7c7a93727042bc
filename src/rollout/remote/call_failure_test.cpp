#include "rollout/remote/call_failure.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

CallFailure of_status(int status, HttpHeaders headers = {}) {
  return call_failure(HttpResponse{.status = status, .headers = std::move(headers), .body = "x"},
                      /*now_wall_s=*/784111770.0);
}

TEST(CallFailure, RepeatsWhatPasses) {
  for (const int status : {408, 409, 425, 429, 500, 502, 503, 504, 529, 599})
    EXPECT_TRUE(of_status(status).may_repeat) << status;
  for (const int status : {300, 400, 401, 403, 404, 405, 422, 501, 505})
    EXPECT_FALSE(of_status(status).may_repeat) << status;
  for (const auto kind : {HttpFailureKind::kConnect, HttpFailureKind::kTimeout,
                          HttpFailureKind::kDisconnected, HttpFailureKind::kProtocol})
    EXPECT_TRUE(call_failure(HttpFailure{kind, "why"}).may_repeat);
  EXPECT_FALSE(call_failure(HttpFailure{HttpFailureKind::kTls, "why"}).may_repeat);
  EXPECT_FALSE(call_failure(HttpFailure{HttpFailureKind::kTooLarge, "why"}).may_repeat);
}

TEST(CallFailure, ReadsHowLongToWait) {
  EXPECT_EQ(of_status(503, {{"Retry-After", "2.5"}}).wait_s, 2.5);
  EXPECT_EQ(of_status(503, {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}}).wait_s, 7.0);
  EXPECT_EQ(of_status(503, {{"Retry-After", "1e9"}}).wait_s, 600.0);
  for (const char* none : {"", "soon", "-x", "nan"})
    EXPECT_FALSE(of_status(503, {{"Retry-After", none}}).wait_s) << none;
  EXPECT_EQ(of_status(503, {{"Retry-After", "-5"}}).wait_s, 0.0);
}

TEST(CallFailure, FindsTheServersWords) {
  EXPECT_EQ(error_text(R"({"error": {"message": "no\nroom", "code": 400}})"), "no room");
  EXPECT_EQ(error_text(R"({"error": "no room"})"), "no room");
  EXPECT_EQ(error_text(R"({"object": "error", "message": "no room"})"), "no room");
  EXPECT_EQ(error_text(R"({"detail": "Not Found"})"), "Not Found");
  EXPECT_EQ(error_text(" <html>Bad gateway</html>\n"), "<html>Bad gateway</html>");
  EXPECT_EQ(error_text(R"({"error": 3})"), R"({"error": 3})");
  EXPECT_EQ(error_text(""), "");
  EXPECT_LT(error_text(std::string(100000, 'x')).size(), 310U);
}

}  // namespace
}  // namespace polaris
