#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/lexical/story_text.h"
#include "judge/lexical/word_lists.h"

namespace polaris::lexical {

/// Words [first, end) of a story.
struct Match {
  std::size_t first = 0;
  std::size_t end = 0;
};

/// Where the phrases occur, in the order of the story, without overlaps. A phrase may not run over
/// the end of a clause.
std::vector<Match> find_phrases(const StoryText& story, std::span<const std::string_view> phrases);

}  // namespace polaris::lexical
