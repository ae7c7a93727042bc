#include "base/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace polaris {
namespace {

class ProgressTest : public testing::Test {
 protected:
  Progress terminal(Progress::Options options, int width = 80) {
    return Progress(out, {.is_terminal = true, .width = width}, clock(), std::move(options));
  }
  Progress plain(Progress::Options options) { return Progress(out, {}, clock(), options); }

  std::function<double()> clock() {
    return [this] { return now_s; };
  }

  /// What was drawn since the last call, "|" for a return and "#" for clearing the rest.
  std::string drawn() {
    std::string text = out.str();
    out.str("");
    for (std::size_t at; (at = text.find("\x1b[K")) != std::string::npos;)
      text.replace(at, 3, 1, '#');
    std::replace(text.begin(), text.end(), '\r', '|');
    return text;
  }

  double now_s = 1000.0;
  std::ostringstream out;
};

TEST_F(ProgressTest, DrawsBarRateTimeLeftAndSuffixOnATerminal) {
  auto progress = terminal({.label = "stories", .total = 500});
  EXPECT_EQ(drawn(), "|stories [>                             ] 0/500#");
  progress.set_suffix("$0.42");
  now_s += 30;
  progress.advance(123);
  EXPECT_EQ(drawn(),
            "|stories [=======>                      ] 123/500  4.1/s  ETA 1 min 32 s  $0.42#");
}

TEST_F(ProgressTest, EndsTheLineWithTheTimeTaken) {
  {
    auto progress = terminal({.label = "read", .total = 2, .unit = "files"});
    now_s += 4;
    progress.advance(2);
    drawn();
  }
  EXPECT_EQ(drawn(), "|read [==============================] 2/2 files  30.0/min  in 4.0 s#\n");
}

TEST_F(ProgressTest, DrawsAtMostTenTimesASecond) {
  auto progress = terminal({.label = "x", .total = 1000});
  drawn();
  int drawings = 0;
  for (int i = 0; i < 1000; ++i) {
    now_s += 0.001;
    progress.advance();
    if (!drawn().empty()) ++drawings;
  }
  EXPECT_GE(drawings, 9);
  EXPECT_LE(drawings, 10);
}

TEST_F(ProgressTest, FitsAnyWidth) {
  for (int width = 1; width < 120; ++width) {
    {
      auto progress =
          terminal({.label = "Geschichten für später", .total = 500, .unit = "Stück"}, width);
      progress.set_suffix("12,34 €");
      now_s += 100;
      progress.advance(7);
    }
    const std::string text = out.str();
    for (const std::string_view line : split(text, '\r')) {
      const auto end = line.find("\x1b");
      const std::string_view visible = line.substr(0, end == std::string::npos ? 0 : end);
      const auto columns =
          std::count_if(visible.begin(), visible.end(), [](char c) { return (c & 0xC0) != 0x80; });
      EXPECT_LE(columns, std::max(width - 1, 1)) << visible;
    }
    out.str("");
  }
}

TEST_F(ProgressTest, PlainLinesComeFirstLastAndEveryTenSeconds) {
  {
    auto progress = plain({.label = "judged", .total = 100});
    for (int i = 0; i < 25; ++i) {
      now_s += 1;
      progress.advance(2);
    }
    progress.set_suffix("$1.00");
  }
  EXPECT_EQ(drawn(),
            "judged: 0/100 (0 %)\n"
            "judged: 20/100 (20 %), 2.0/s, ETA 40 s\n"
            "judged: 40/100 (40 %), 2.0/s, ETA 30 s\n"
            "judged: 50/100 (50 %), 2.0/s, in 25 s, $1.00\n");
}

TEST_F(ProgressTest, WorkOfAnEarlierRunDoesNotCountForTheRate) {
  auto progress = plain({.label = "made", .total = 100});
  progress.skip(90);
  now_s += 10;
  progress.advance(1);
  EXPECT_EQ(drawn(), "made: 0/100 (0 %)\nmade: 91/100 (91 %), 6.0/min, ETA 1 min 30 s\n");
}

TEST_F(ProgressTest, AnUnknownTotalHasNeitherBarNorEta) {
  auto progress = terminal({.label = "written", .unit = "words"});
  now_s += 2;
  progress.advance(500);
  EXPECT_EQ(drawn(), "|written 0 words#|written 500 words  250/s#");
}

TEST_F(ProgressTest, NothingToDoAndMoreThanExpectedAreShownAsTheyAre) {
  { auto progress = terminal({.label = "x", .total = 0}); }
  EXPECT_NE(drawn().find("[==============================] 0/0"), std::string::npos);
  {
    auto progress = terminal({.label = "x", .total = 2});
    now_s += 1;
    progress.advance(5);
  }
  EXPECT_NE(drawn().find("[==============================] 5/2  5.0/s  in 1.0 s"),
            std::string::npos);
}

TEST_F(ProgressTest, SlowRatesAreToldPerMinuteOrHour) {
  auto progress = plain({.label = "steps", .total = 4});
  now_s += 1800;
  progress.advance();
  EXPECT_NE(drawn().find("1/4 (25 %), 2.0/h, ETA 1 h 30 min"), std::string::npos);
}

TEST_F(ProgressTest, SeveralThreadsMayReport) {
  {
    auto progress = plain({.label = "x", .total = 4000});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) {
          progress.advance();
          progress.set_suffix("s");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_NE(drawn().find("x: 4000/4000 (100 %)"), std::string::npos);
}

TEST(StyleFor, AFileIsNoTerminal) {
  const int fd = ::open("/dev/null", O_WRONLY);
  EXPECT_FALSE(style_for(fd).is_terminal);
  ::close(fd);
}

TEST(StyleFor, APseudoTerminalIsOneWithItsWidth) {
  const int fd = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (fd < 0) GTEST_SKIP() << "no pseudo terminals here";
  EXPECT_TRUE(style_for(fd).is_terminal);
  EXPECT_EQ(style_for(fd).width, 80);  // none is set
  ::close(fd);
}

}  // namespace
}  // namespace polaris
