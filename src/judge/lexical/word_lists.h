#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace polaris::lexical {

/// Word forms separated by single blanks, and the WordField bits that they get.
struct WordListEntry {
  std::string_view words;
  std::uint16_t fields;
};

/// All lists; where two of them claim the matter of a word, the earlier one has it.
std::span<const WordListEntry> word_lists();

/// Set phrases in lower case with straight apostrophes, two to six words each.
std::span<const std::string_view> stock_phrases();     ///< wording that could stand in any story
std::span<const std::string_view> stock_turns();       ///< foreseeable events and their heralds
std::span<const std::string_view> moral_phrases();     ///< meanings spelled out
std::span<const std::string_view> remarks_to_asker();  ///< talk about the task instead of a story

}  // namespace polaris::lexical
