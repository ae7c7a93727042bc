#include "judge/json_string.h"

#include <gtest/gtest.h>

#include <random>

#include "base/json.h"

namespace polaris {
namespace {

/// Pieces that may need care, in random order.
std::string random_text(std::mt19937& random) {
  const std::vector<std::string> pieces = {"a",    "plain words, longer than sixteen bytes",
                                           "\"",   "\\",
                                           "\n",   "\t",
                                           "\b",   "/",
                                           "\x01", std::string(1, '\0'),
                                           "é",    "\U0001F30A",
                                           "\x7f", "\xff"};
  std::string text;
  for (unsigned count = random() % 12; count > 0; --count) text += pieces[random() % pieces.size()];
  return text;
}

TEST(JsonString, IsWhatTheLibraryWrites) {
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = random_text(random);
    ASSERT_EQ(json_string(text), dump_json(text));
  }
}

TEST(JsonString, IsReadAsTheLibraryReadsItOrNotAtAll) {
  std::mt19937 random(2);
  int read = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string json = dump_json(random_text(random));
    if (i % 2 == 0) json.erase(random() % json.size(), 1);
    const auto text = text_of_json_string(json);
    if (!text) continue;
    ++read;
    ASSERT_TRUE(Json::accept(json)) << json;
    ASSERT_EQ(*text, Json::parse(json).get<std::string>()) << json;
  }
  EXPECT_GT(read, 1000);
}

TEST(JsonString, WithCommonEscapesIsReadAtOnce) {
  const std::string text = "\"Well\",\n\tshe said: C:\\dir/file é";
  EXPECT_EQ(text_of_json_string(dump_json(text)), text);
}

TEST(JsonString, ThatIsNoneIsNotRead) {
  for (const char* json :
       {"", "\"", "17", "\"a", "a\"", "\"a\"b\"", "\"\\\"", "\"\\x\"", "\"a\nb\""})
    EXPECT_FALSE(text_of_json_string(json)) << json;
}

}  // namespace
}  // namespace polaris
