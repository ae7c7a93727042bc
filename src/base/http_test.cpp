#include "base/http.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/error.h"

namespace polaris {
namespace {

/// The message of the Error{kInvalidConfig} that validate() throws; "" if it accepts.
std::string refusal_of(const HttpRequest& request) {
  try {
    validate(request);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidConfig);
    return e.what();
  }
  return "";
}

TEST(FindHeader, IgnoresCaseAndTakesTheFirst) {
  const HttpHeaders headers = {{"Retry-After", "7"}, {"X-Two", "a"}, {"x-two", "b"}};
  EXPECT_EQ(find_header(headers, "retry-after"), "7");
  EXPECT_EQ(find_header(headers, "X-TWO"), "a");
  EXPECT_FALSE(find_header(headers, "Retry").has_value());
}

TEST(ValidateRequest, AcceptsOrdinaryRequests) {
  EXPECT_EQ(refusal_of({.url = "https://api.example.com/v1/chat?key=a%20b"}), "");
  EXPECT_EQ(refusal_of({.method = "POST",
                        .url = "http://[::1]:8080/",
                        .headers = {{"Authorization", "Bearer abc"}, {"X-Empty", ""}}}),
            "");
}

TEST(ValidateRequest, RefusesLineBreaksWithoutRepeatingTheValue) {
  for (const std::string& breaker : {std::string("\r\n"), std::string("\r"), std::string("\n"),
                                     std::string(1, '\0'), std::string("\x7F")}) {
    const std::string poisoned = "s3cret" + breaker + "X-Evil: 1";
    const std::string in_value = refusal_of({.url = "http://h/", .headers = {{"X-Key", poisoned}}});
    EXPECT_NE(in_value.find("X-Key"), std::string::npos) << in_value;
    EXPECT_EQ(in_value.find("s3cret"), std::string::npos) << in_value;
    const std::string in_name = refusal_of({.url = "http://h/", .headers = {{poisoned, "v"}}});
    EXPECT_NE(in_name, "");
    EXPECT_EQ(in_name.find("s3cret"), std::string::npos) << in_name;
    const std::string in_url = refusal_of({.url = "http://h/" + poisoned});
    EXPECT_NE(in_url, "");
    EXPECT_EQ(in_url.find("s3cret"), std::string::npos) << in_url;
    EXPECT_NE(refusal_of({.method = "GET" + breaker, .url = "http://h/"}), "");
  }
}

TEST(ValidateRequest, RefusesUrlsThatAreNotHttp) {
  for (const char* url : {"", "host/path", "http://", "ftp://host/", "file:///etc/passwd",
                          "gopher://host/", "http://host:99999/", "https://a b/"})
    EXPECT_NE(refusal_of({.url = url}), "") << url;
}

TEST(ValidateRequest, RefusesLimitsThatAreNotPositive) {
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_NE(refusal_of({.url = "http://h/", .deadline_s = bad}), "") << bad;
    EXPECT_NE(refusal_of({.url = "http://h/", .connect_timeout_s = bad}), "") << bad;
  }
}

TEST(RedactedUrl, HidesUserQueryAndFragment) {
  EXPECT_EQ(redacted_url("https://host/v1/m:generate?key=K"), "https://host/v1/m:generate?...");
  EXPECT_EQ(redacted_url("https://user:pass@host:8/a"), "https://host:8/a");
  EXPECT_EQ(redacted_url("https://u:p@x@host/a@b#K"), "https://host/a@b?...");
  EXPECT_EQ(redacted_url("http://host?key=a@b/c"), "http://host?...");
  EXPECT_EQ(redacted_url("http://host/plain"), "http://host/plain");
}

TEST(IsLoopbackUrl, KnowsThisMachineByItsNamesOnly) {
  for (const char* url : {"http://localhost/", "http://LocalHost:1/", "http://127.0.0.1:80/x",
                          "https://127.9.9.9/", "http://[::1]:8080/"})
    EXPECT_TRUE(is_loopback_url(url)) << url;
  for (const char* url : {"http://127.evil.com/", "http://localhost.evil.com/", "http://10.0.0.1/",
                          "http://u@example.com/?127.0.0.1", "nonsense"})
    EXPECT_FALSE(is_loopback_url(url)) << url;
}

TEST(ParseHttpDate, ReadsTheThreeFormsOfRfc9110) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"})
    EXPECT_EQ(parse_http_date(text), 784111777.0) << text;
}

TEST(ParseHttpDate, RefusesWhatIsNoDate) {
  for (const std::string& text : {std::string(), std::string("soon"), std::string(1000, '1')})
    EXPECT_FALSE(parse_http_date(text).has_value()) << text;
}

}  // namespace
}  // namespace polaris
