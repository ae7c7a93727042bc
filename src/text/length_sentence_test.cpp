#include "text/length_sentence.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "text/golden_text_test.h"

namespace polaris {
namespace {

constexpr auto kPublished = TargetWordsRule::kPublished;
constexpr auto kCorrected = TargetWordsRule::kCorrected;

std::string for_judge(std::string_view prompt) {
  return without_length_sentence(prompt, LengthSentenceRule::kThatSentence);
}

TEST(PublishedLengthRules, GiveWhatTheReferenceGives) {
  const auto cases = golden_reward_cases("strip_length_sentence");
  EXPECT_EQ(cases.size(), 24U);
  for (const OrderedJson& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const std::string prompt = golden_reward_text(c["input"]["prompt"]);
    EXPECT_EQ(without_length_sentence(prompt, LengthSentenceRule::kRestOfPrompt),
              c["expected"]["stripped"].get<std::string>());
    const OrderedJson& words = c["expected"]["target_words"];
    const auto target = target_words(prompt, kPublished);
    EXPECT_EQ(target.has_value(), !words.is_null());
    EXPECT_EQ(target.value_or(-1), words.is_null() ? -1 : words.get<std::int64_t>());
  }
}

TEST(PublishedLengthRules, FollowTheRecipesTables) {
  const auto judge_sees = [](std::string_view prompt) {
    return without_length_sentence(prompt, LengthSentenceRule::kRestOfPrompt);
  };
  EXPECT_EQ(judge_sees("Write about fog. Your story should be approximately 800 words long."),
            "Write about fog.");
  EXPECT_EQ(judge_sees("Write a story. It must be 800 words long. End with hope."),
            "Write a story.");
  EXPECT_EQ(judge_sees("A tale that is 900 words long"), "A tale that is 900 words long");
  EXPECT_EQ(judge_sees("She is 3.5 feet tall and the tale is 900 words long."), "She is 3.");
  EXPECT_EQ(target_words("2,500 words long", kPublished), 500);
  EXPECT_EQ(target_words("1,000 words long", kPublished), 0);
  EXPECT_EQ(target_words("500 words long, then 2000 words long", kPublished), 500);
  EXPECT_EQ(target_words("99999999999999999999999999 words long", kPublished), 1'000'000'000);
}

TEST(TargetWords, ReadsWhatPeopleWrite) {
  const std::vector<std::pair<const char*, std::int64_t>> prompts = {
      {"The story should be 1500 words long.", 1500},
      {"It must be 2,500 words long.", 2500},
      {"It must be 12,000 WORDS LONG.", 12000},
      {"Write 2.500 words.", 2500},
      {"Write a 1200-word story.", 1200},
      {"Write a 1,200\u2011word story.", 1200},
      {"A 2000-word-long tale.", 2000},
      {"Write 3k words on fog.", 3000},
      {"Write about 2.5K words.", 2500},
      {"Between 1000 and 1200 words long.", 1200},
      {"Say it in 300 words. The story should be 1500 words long.", 1500},
      {"Each part is 300 words long. The whole is 900 words long.", 300},
  };
  for (const auto& [prompt, words] : prompts)
    EXPECT_EQ(target_words(prompt, kCorrected), words) << prompt;
}

TEST(TargetWords, IsAbsentWhereNoLengthIsAsked) {
  for (const char* prompt :
       {"", "A keeper finds a boat.", "Make it many words long.",
        "It is 1200 words longer than usual.", "His last 3 words were a lie.",
        "He owned 200 swords.", "7 wordless days", "At least 1 000 words.", "x500words"})
    EXPECT_EQ(target_words(prompt, kCorrected), std::nullopt) << prompt;
}

TEST(ThatSentence, GoesAloneWhenItSpeaksOfNothingButLength) {
  EXPECT_EQ(for_judge("Write about fog. Your story should be approximately 800 words long."),
            "Write about fog.");
  EXPECT_EQ(for_judge("Write a story. It must be 800 words long. End with hope."),
            "Write a story. End with hope.");
  EXPECT_EQ(for_judge("A boat. It must be 1,200 words\nlong."), "A boat.");
  EXPECT_EQ(for_judge("First idea.\n\nThe story should be 4000 words long.\n\nSecond idea."),
            "First idea.\n\nSecond idea.");
  EXPECT_EQ(for_judge("The story should be 1,500 words long. A keeper finds a boat."),
            "A keeper finds a boat.");
  EXPECT_EQ(for_judge("She said \"go.\" It must be 1200 words long."), "She said \"go.\"");
  EXPECT_EQ(for_judge("Mr. Hale must appear. Keep it between 1000 and 1200 words."),
            "Mr. Hale must appear.");
  EXPECT_EQ(for_judge("A boat… Length: 2,000 words. Use first person."),
            "A boat… Use first person.");
  EXPECT_EQ(for_judge("Each part is 300 words long. The whole is 900 words long."),
            "Each part is 300 words long.");
}

TEST(ThatSentence, LosesOnlyTheLengthWhereItHoldsThePremise) {
  EXPECT_EQ(for_judge("Write a 2000-word story about a keeper."), "Write a story about a keeper.");
  EXPECT_EQ(for_judge("Write an 1,800-word story about fog."), "Write a story about fog.");
  EXPECT_EQ(for_judge("Write a roughly 2000-word epic about fog."), "Write an epic about fog.");
  EXPECT_EQ(for_judge("She is 3.5 feet tall and the tale is 900 words long."),
            "She is 3.5 feet tall.");
  EXPECT_EQ(for_judge("Write a story about fog that should be about 2,000 words long."),
            "Write a story about fog.");
  EXPECT_EQ(for_judge("Write a story of 2000 words about fog."), "Write a story about fog.");
  EXPECT_EQ(for_judge("Write a story (about 2000 words) about fog."), "Write a story about fog.");
  EXPECT_EQ(for_judge("Write a story about fog, 1500 words long."), "Write a story about fog.");
  EXPECT_EQ(for_judge("In 2000 words, write a story about fog."), "Write a story about fog.");
  EXPECT_EQ(for_judge("Tell of fog with a length of 2,000 words. End well."),
            "Tell of fog. End well.");
  EXPECT_EQ(for_judge("Tell of fog in 1000 to 1200 words."), "Tell of fog.");
  EXPECT_EQ(for_judge("A tale that is 900 words long"), "A tale");
  EXPECT_EQ(for_judge("Write a 2000-word story about fog. It must be 2,000 words long."),
            "Write a story about fog.");
}

TEST(ThatSentence, LeavesPromptsWithoutALengthAlone) {
  for (const char* prompt :
       {"", " A keeper finds a boat. \n", "It is 1200 words longer than usual.",
        "A boat. Make it many words long.", "2000 words"})
    EXPECT_EQ(for_judge(prompt), prompt);
}

TEST(WithLengthSentence, AsksInTheTrainedForm) {
  const auto asking = [](std::string_view prompt) { return with_length_sentence(prompt, 1200); };
  const std::string sentence = "The story should be 1200 words long.";
  EXPECT_EQ(asking("A ship."), "A ship. " + sentence);
  EXPECT_EQ(asking(" a ship "), "a ship. " + sentence);
  EXPECT_EQ(asking("A ship. The story should be 800 words long."), "A ship. " + sentence);
  EXPECT_EQ(asking("Write a 3k-word story about a ship."),
            "Write a story about a ship. " + sentence);
  EXPECT_EQ(asking(""), sentence);
  EXPECT_EQ(asking("une île où l'on rêvé"), "une île où l'on rêvé " + sentence);
  EXPECT_EQ(target_words(asking("2,000 words, please."), TargetWordsRule::kCorrected), 1200);
}

TEST(ThatSentence, TakesAnyBytesAndNeverGrows) {
  std::mt19937 random(9);
  const std::vector<std::string> pieces = {
      "2000", " ",   "words", " long",    "-", "word",  ".", "\n",  "(",  ")",   ", ",  "the ",
      "and ", "fog", "\xFF",  "\xE2\x80", "”", "1,500", "k", "is ", "A ", "3.5", "an ", "of "};
  for (int round = 0; round < 20000; ++round) {
    std::string prompt;
    for (auto n = random() % 16; n > 0; --n) prompt += pieces[random() % pieces.size()];
    const std::string rest = for_judge(prompt);
    ASSERT_LE(rest.size(), prompt.size() + 1) << prompt;
    target_words(prompt, kPublished);
    target_words(prompt, kCorrected);
    without_length_sentence(prompt, LengthSentenceRule::kRestOfPrompt);
  }
}

}  // namespace
}  // namespace polaris
