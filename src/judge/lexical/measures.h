// One function per dimension; docs/lexical_judge.md lists their formulas and the defect that each
// is tested with. Constants were read off the 84 stories of data/starter (tests print their
// values).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "judge/lexical/finding.h"
#include "judge/lexical/story_text.h"

namespace polaris::lexical {

Finding premise(const StoryText& story, const StoryText& prompt);         ///< P1
Finding arc_and_ending(const StoryText& story);                           ///< P2
Finding agency(const StoryText& story);                                   ///< P3
Finding voice(const StoryText& story);                                    ///< P4
Finding senses(const StoryText& story);                                   ///< P5
Finding inner_life(const StoryText& story);                               ///< P6
Finding broken_request(const StoryText& story, const StoryText& prompt);  ///< N1
Finding incoherence(const StoryText& story);                              ///< N2
Finding stock_wording(const StoryText& story);                            ///< N3
Finding abstraction(const StoryText& story);                              ///< N4
Finding circling(const StoryText& story);                                 ///< N5
Finding collapse(const StoryText& story);                                 ///< N6
Finding dialogue_faults(const StoryText& story);                          ///< N7
Finding mechanics(const StoryText& story);                                ///< N8
Finding stock_events(const StoryText& story);                             ///< N9
Finding broken_language(const StoryText& story);                          ///< N10
Finding ring(const StoryText& story);                                     ///< bonus
Finding standstill(const StoryText& story);                               ///< penalty

}  // namespace polaris::lexical
