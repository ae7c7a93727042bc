#include "text/thinking_stream.h"

#include <gtest/gtest.h>

#include "text/strip.h"
#include "text/thinking.h"

namespace polaris {
namespace {

constexpr const char* kResponses[] = {
    "",
    "  ",
    "A story.",
    "\n\nA story.\n",
    "<think>plan</think>A story.",
    " <think>\nplan < and </thin and <think>\n</think>\n\n A story with </think> in it. ",
    "plan</think>\n\nA story.",
    "<think>",
    "<thin",
    "<thinner than air",
    "<think>never closed </thin",
    "plan, never closed <",
    "</think>",
    "</think>   ",
};

ThinkingStream::Part streamed(std::string_view text, bool opened, std::size_t piece) {
  ThinkingStream stream(opened);
  ThinkingStream::Part all;
  const auto take = [&](const ThinkingStream::Part& part) {
    all.thinking += part.thinking;
    all.story += part.story;
  };
  for (std::size_t at = 0; at < text.size(); at += piece) take(stream.add(text.substr(at, piece)));
  take(stream.finish());
  return all;
}

TEST(ThinkingStream, GivesTheSameHoweverTheTextIsCut) {
  for (const std::string_view text : kResponses) {
    for (const bool opened : {true, false}) {
      const auto whole = streamed(text, opened, text.size() + 1);
      for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        const auto cut = streamed(text, opened, piece);
        EXPECT_EQ(cut.thinking, whole.thinking) << text << " in pieces of " << piece;
        EXPECT_EQ(cut.story, whole.story) << text << " in pieces of " << piece;
      }
    }
  }
}

TEST(ThinkingStream, SplitsAsTheWholeResponseIsSplit) {
  for (const std::string_view text : kResponses) {
    for (const bool opened : {true, false}) {
      const bool starts_open = opened || left_strip(text).starts_with("<think>");
      if (!starts_open && text.find("</think>") != std::string_view::npos) continue;
      const auto whole = split_response(text, opened, UnclosedThinking::kEmptyStory);
      const auto parts = streamed(text, opened, 1);
      EXPECT_EQ(parts.story, whole.story) << text;
      EXPECT_EQ(strip(parts.thinking), whole.thinking.value_or("")) << text;
    }
  }
}

TEST(ThinkingStream, HandsOutTextAsSoonAsItIsCertain) {
  ThinkingStream stream(true);
  EXPECT_EQ(stream.add("I plan").thinking, "I plan");
  EXPECT_TRUE(stream.in_thinking());
  EXPECT_EQ(stream.add(" x</").thinking, " x");
  EXPECT_EQ(stream.add("b></think").thinking, "</b>");
  EXPECT_EQ(stream.add(">\n").story, "");
  EXPECT_FALSE(stream.in_thinking());
  EXPECT_EQ(stream.add("Once").story, "Once");
}

}  // namespace
}  // namespace polaris
