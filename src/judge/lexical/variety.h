#pragma once

#include <cstddef>

#include "judge/lexical/story_text.h"

namespace polaris::lexical {

/// Different words / words, the mean over windows of 100 words of [first, end): the length of the
/// story does not enter.
double word_variety(const StoryText& story, std::size_t first, std::size_t end);

}  // namespace polaris::lexical
