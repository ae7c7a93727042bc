// Test support: stories, and texts that are less than stories.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace polaris::lexical {

struct TestStory {
  std::string uid;
  std::string prompt;  ///< without its length sentence
  std::string story;
};

/// All sentences of the story in random order in the story's paragraphs.
std::string with_shuffled_sentences(std::string_view story, double share, std::uint64_t seed);

/// The story up to the middle of its last sentence but one.
std::string without_ending(std::string_view story);

/// Every paragraph twice in a row.
std::string with_doubled_paragraphs(std::string_view story);

/// The same few sentences, as often as the story has room for them.
std::string looped(std::string_view story);

/// A random walk over word pairs: real words, plausible neighbours, no sense.
class Babbler {
 public:
  explicit Babbler(const std::vector<TestStory>& stories);
  std::string babble(std::size_t words, std::uint64_t seed) const;

 private:
  std::vector<std::string> tokens_;                    // distinct; "\n\n" for a paragraph's end
  std::vector<std::vector<std::uint32_t>> following_;  // [tokens] each occurrence's successor
};

/// The stories of data/starter: `short` ones of 300 to 1,050 words, or all 84.
std::vector<TestStory> starter_stories(const std::string& data_folder, bool only_short);

}  // namespace polaris::lexical
