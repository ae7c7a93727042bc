#include "base/event_stream.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace polaris {
namespace {

using Events = std::vector<std::string>;

/// The events of a stream that arrives in pieces of so many bytes.
Events events_of(std::string_view stream, std::size_t piece) {
  EventStream reader;
  Events events;
  for (; !stream.empty(); stream.remove_prefix(std::min(piece, stream.size())))
    reader.feed(stream.substr(0, piece), [&](std::string_view data) { events.emplace_back(data); });
  return events;
}

TEST(EventStream, GivesTheDataOfEveryEventWhateverThePieces) {
  const std::string_view stream =
      "data: {\"a\": 1}\n\n: keep-alive\n\ndata:two\ndata:  lines\n\nevent: x\nid: 7\ndata: é\n\n"
      "data: [DONE]\n\n";
  const Events expected = {"{\"a\": 1}", "two\n lines", "é", "[DONE]"};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(events_of(stream, piece), expected) << piece;
}

TEST(EventStream, TakesEveryKindOfLineEnd) {
  for (const char* stream : {"data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n",
                             "data: a\r\rdata: b\r\r", "data: a\r\n\ndata: b\n\r\n"}) {
    for (const std::size_t piece : {1, 2, 3, 100})
      EXPECT_EQ(events_of(stream, piece), (Events{"a", "b"})) << piece;
  }
}

TEST(EventStream, LeavesOutWhatIsNoData) {
  EXPECT_EQ(events_of("\n\n\nevent: ping\n\ndatax: 1\n\n", 1), Events{});
  EXPECT_EQ(events_of("data\n\ndata:\n\n", 1), (Events{"", ""}));
  EXPECT_EQ(events_of("\xEF\xBB\xBF"
                      "data: a\n\n",
                      1),
            Events{"a"});
  EXPECT_EQ(events_of("data: cut off", 1), Events{});
  EXPECT_EQ(events_of("data: cut off\n", 1), Events{});
}

TEST(EventStream, RefusesAnEventThatDoesNotEnd) {
  EventStream reader(100);
  const auto ignore = [](std::string_view) {};
  for (int i = 0; i < 100; ++i) reader.feed("data: short\n\n", ignore);
  EXPECT_THROW(reader.feed(std::string(101, 'x'), ignore), Error);
  EventStream lines(100);
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) lines.feed("data: line\n", ignore);
      },
      Error);
}

}  // namespace
}  // namespace polaris
