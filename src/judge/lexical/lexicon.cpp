#include "judge/lexical/lexicon.h"

#include <array>
#include <unordered_map>
#include <utility>

#include "base/strings.h"
#include "judge/lexical/tables.h"
#include "judge/lexical/word_lists.h"

namespace polaris::lexical {
namespace {

using Lexicon = std::unordered_map<std::string_view, WordEntry>;

constexpr std::array<std::string_view, 14> kAbstractEndings = {
    "tion", "sion", "ness",  "ment", "ments", "ity",  "ities",
    "ance", "ence", "ences", "ism",  "tions", "hood", "ship"};

bool has_abstract_ending(std::string_view word) {
  if (word.size() < 7) return false;
  for (const std::string_view ending : kAbstractEndings) {
    if (word.ends_with(ending)) return true;
  }
  return false;
}

Lexicon make_lexicon() {
  Lexicon lexicon;
  std::int32_t rank = 0;
  for (const std::string_view word : common_words()) lexicon[word].rank = rank++;
  for (const auto& [words, fields] : word_lists()) {
    for (const std::string_view word : split(words, ' ')) {
      WordEntry& entry = lexicon[word];
      // A word has one kind of matter: the first list that claims it.
      constexpr std::uint16_t kMatter = kConcrete | kInner | kAbstract;
      if ((fields & kMatter) != 0 && (entry.fields & kMatter) != 0) continue;
      entry.fields |= fields;
    }
  }
  return lexicon;
}

}  // namespace

double WordEntry::frequency() const {
  const double place = rank < 0 ? static_cast<double>(common_words().size()) : rank;
  return 0.09 / (place + 2.7);
}

const std::vector<std::string_view>& common_words() {
  static const std::vector<std::string_view> kWords = split(kCommonWords, ' ');
  return kWords;
}

WordEntry look_up(std::string_view lower) {
  static const Lexicon kLexicon = make_lexicon();
  const auto found = kLexicon.find(lower);
  WordEntry entry = found == kLexicon.end() ? WordEntry{} : found->second;
  constexpr std::uint16_t kListed = kConcrete | kInner | kAbstract | kFunctionWord;
  if ((entry.fields & kListed) == 0 && has_abstract_ending(lower)) entry.fields |= kAbstract;
  constexpr std::uint16_t kVerb = kAction | kState;
  if ((entry.fields & kVerb) == 0 && lower.size() > 4 && lower.ends_with("ed"))
    entry.fields |= kAction;
  return entry;
}

std::string_view stem(std::string_view lower) {
  constexpr std::array<std::string_view, 11> kEndings = {"'s", "ies", "ing", "edly", "ed", "ly",
                                                         "es", "er",  "y",   "s",    "e"};
  constexpr std::size_t kShortest = 3;
  std::string_view word = lower;
  for (int round = 0; round < 2; ++round) {
    for (const std::string_view ending : kEndings) {
      if (!word.ends_with(ending) || word.size() < ending.size() + kShortest) continue;
      if (ending == "s" && word.ends_with("ss")) continue;
      word.remove_suffix(ending.size());
      break;
    }
  }
  const std::size_t n = word.size();
  if (n > kShortest && word[n - 1] == word[n - 2]) word.remove_suffix(1);
  return word;
}

}  // namespace polaris::lexical
