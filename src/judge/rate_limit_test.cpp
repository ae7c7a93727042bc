#include "judge/rate_limit.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

constexpr double kNow_s = 1780563900;  // 2026-06-04T09:05:00Z

std::optional<double> openai(const char* remaining, const char* reset) {
  return rate_limit_pause_s(
      {{"x-ratelimit-remaining-requests", remaining}, {"x-ratelimit-reset-requests", reset}},
      kNow_s);
}

TEST(RateLimit, WaitsWhenNothingRemains) {
  EXPECT_EQ(openai("0", "1s"), 1.0);
  EXPECT_EQ(openai("0", "20ms"), 0.02);
  EXPECT_EQ(openai("0", "1m30.5s"), 90.5);
  EXPECT_EQ(openai("0", "7"), 7.0);
  EXPECT_EQ(openai("0", "2h"), 120.0) << "a day's quota is not waited for in one go";
}

TEST(RateLimit, DoesNotWaitOtherwise) {
  EXPECT_FALSE(openai("1", "1s"));
  EXPECT_FALSE(openai("", "1s"));
  EXPECT_FALSE(openai("0", "soon"));
  EXPECT_FALSE(openai("0", "5x"));
  EXPECT_FALSE(rate_limit_pause_s({}, kNow_s));
  EXPECT_FALSE(rate_limit_pause_s({{"x-ratelimit-remaining-tokens", "0"}}, kNow_s));
}

TEST(RateLimit, ReadsTimesAndTakesTheLongest) {
  const HttpHeaders headers = {{"anthropic-ratelimit-requests-remaining", "49"},
                               {"anthropic-ratelimit-requests-reset", "2026-06-04T09:09:00Z"},
                               {"anthropic-ratelimit-input-tokens-remaining", "0"},
                               {"anthropic-ratelimit-input-tokens-reset", "2026-06-04T09:05:30Z"},
                               {"anthropic-ratelimit-output-tokens-remaining", "0"},
                               {"anthropic-ratelimit-output-tokens-reset", "2026-06-04T09:05:12Z"}};
  EXPECT_EQ(rate_limit_pause_s(headers, kNow_s), 30.0);
  EXPECT_EQ(rate_limit_pause_s(headers, kNow_s + 60), 0.0) << "that is over";
  EXPECT_FALSE(rate_limit_pause_s({{"anthropic-ratelimit-tokens-remaining", "0"},
                                   {"anthropic-ratelimit-tokens-reset", "tomorrow"}},
                                  kNow_s));
}

}  // namespace
}  // namespace polaris
