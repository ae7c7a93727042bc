#include "reward/blank.h"

namespace polaris {

double blank_penalty(const TextCounts& story, const BlankRule& rule) {
  const bool blank = story.words < rule.min_words || story.visible_ratio() < rule.min_visible;
  return blank ? 1.0 : 0.0;
}

}  // namespace polaris
