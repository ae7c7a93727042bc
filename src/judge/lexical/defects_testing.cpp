#include "judge/lexical/defects_testing.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

#include "base/random.h"
#include "base/strings.h"
#include "judge/lexical/story_text.h"
#include "judge/lexical/word_lists.h"
#include "judge/lexical/word_order.h"
#include "text/strip.h"

namespace polaris::lexical {
namespace {

/// Uniform in [0, 1), the same for the same place: a higher severity spoils what a lower one did,
/// and more.
double chance(std::string_view what, std::uint64_t place) {
  RandomStream stream({.seed = place, .prompt_hash = id_hash(what)});
  return stream.uniform();
}

/// Copies a story and puts other text in the place of some words.
class Rewriter {
 public:
  explicit Rewriter(const StoryText& story) : story_(story) {}

  void replace(const Word& word, std::string_view with) {
    const std::string_view old = story_.text().substr(word.begin, word.end - word.begin);
    std::string text(with);
    if (word.is_capital && !text.empty() && text[0] >= 'a' && text[0] <= 'z')
      text[0] = static_cast<char>(text[0] - 'a' + 'A');
    if (old.ends_with("'s") || old.ends_with("’s")) text += "’s";
    out_ += story_.text().substr(done_, word.begin - done_);
    out_ += text;
    done_ = word.end;
  }
  void insert(std::size_t at, std::string_view text) {
    out_ += story_.text().substr(done_, at - done_);
    out_ += text;
    done_ = at;
  }
  std::string finish() {
    out_ += story_.text().substr(done_);
    return std::move(out_);
  }

 private:
  const StoryText& story_;
  std::string out_;
  std::size_t done_ = 0;
};

using Stems = std::unordered_set<std::string>;

constexpr std::uint16_t kAnyMatter = kConcrete | kInner | kAbstract | kOrnate | kFunctionWord |
                                     kChoice | kState | kSpeechVerb | kPerson;

/// Common words that no list claims, by order class: what can stand anywhere and says nothing.
const std::vector<std::string_view>& neutral_words(std::uint8_t order_class) {
  static const auto kByClass = [] {
    const OrderClasses& classes = OrderClasses::get();
    std::vector<std::vector<std::string_view>> by_class(classes.count());
    for (const std::string_view word : common_words()) {
      const WordEntry entry = look_up(word);
      if (entry.rank < 200 || entry.rank > 4000 || word.size() < 4) continue;
      if ((entry.fields & (kAnyMatter | kTaskWord)) != 0) continue;
      by_class[classes.of_word(word)].push_back(word);
    }
    return by_class;
  }();
  return kByClass[order_class];
}

/// A neutral word for a form, always the same one, so that what belonged together still does.
std::string_view neutral_for(const WordForm& form, std::size_t choices, const Stems& but_not) {
  const auto& words = neutral_words(form.order_class);
  if (words.empty()) return form.lower;
  std::size_t at = id_hash(form.lower) % std::min(choices, words.size());
  while (at + 1 < words.size() && but_not.contains(std::string(stem(words[at])))) at += choices;
  return at < words.size() ? words[at] : form.lower;
}

/// A word of the same matter and order class, always the same one.
std::string_view alike(const WordForm& form, const Stems& but_not) {
  constexpr std::uint16_t kMatter = kConcrete | kInner | kAbstract | kAction | kState;
  static std::map<std::pair<int, int>, std::vector<std::string_view>> known;
  auto& choices = known[{form.entry.fields & kMatter, form.order_class}];
  if (choices.empty()) {
    for (const std::string_view word : common_words()) {
      const WordEntry entry = look_up(word);
      if (entry.rank < 200 || entry.rank > 6000 || entry.is(kFunctionWord)) continue;
      if ((entry.fields & kMatter) != (form.entry.fields & kMatter)) continue;
      if (OrderClasses::get().of_word(word) == form.order_class) choices.push_back(word);
    }
  }
  std::size_t at = id_hash(form.lower);
  for (std::size_t tries = 0; tries < choices.size(); ++tries, ++at) {
    const std::string_view word = choices[at % choices.size()];
    if (!but_not.contains(std::string(stem(word)))) return word;
  }
  return form.lower;
}

Stems premise_stems(std::string_view prompt) {
  const StoryText text(prompt);
  Stems stems;
  for (const Word& word : text.words())
    if (text.is_content(word)) stems.emplace(stem(text.form(word).lower));
  return stems;
}

bool is_small_content(const StoryText& story, const Word& word) {
  return !word.is_capital && story.is_content(word) && !story.form(word).is_name;
}

constexpr std::size_t kManyChoices = 300;
constexpr double kThirds[] = {0.0, 1.0 / 3, 2.0 / 3, 1.0};

/// Replaces the words of a field by neutral ones of the same class.
std::string without_field(const TestStory& from, int severity, WordField field,
                          std::string_view what) {
  const StoryText story(from.story);
  const auto past = OrderClasses::get().of(OrderClasses::kPast);
  const auto premise = premise_stems(from.prompt);
  Rewriter out(story);
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const Word& word = story.words()[i];
    const WordForm& form = story.form(word);
    if (!form.entry.is(field) || form.is_name || form.entry.is(kFunctionWord)) continue;
    if (premise.contains(std::string(stem(form.lower)))) continue;
    if (form.order_class == past && !form.entry.is(kAction)) continue;  // no new deeds
    if (chance(what, i) < kThirds[severity])
      out.replace(word, neutral_for(form, kManyChoices, premise));
  }
  return out.finish();
}

std::string off_premise(const TestStory& from, int severity) {
  const StoryText story(from.story);
  const auto premise = premise_stems(from.prompt);
  Rewriter out(story);
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const WordForm& form = story.form(story.words()[i]);
    if (form.entry.is(kFunctionWord) || !premise.contains(std::string(stem(form.lower)))) continue;
    if (chance("P1", i) < kThirds[severity]) out.replace(story.words()[i], alike(form, premise));
  }
  return out.finish();
}

/// Sentences of a part of the paragraphs become paragraphs.
std::string one_line_paragraphs(const TestStory& from, int severity) {
  const StoryText story(from.story);
  Rewriter out(story);
  const auto sentences = story.sentences();
  for (std::size_t i = 1; i < sentences.size(); ++i) {
    if (sentences[i].paragraph != sentences[i - 1].paragraph) continue;
    if (chance("P2", sentences[i].paragraph) < kThirds[severity])
      out.insert(sentences[i].begin, "\n\n");
  }
  return out.finish();
}

std::string without_deeds(const TestStory& from, int severity) {
  constexpr std::array<std::string_view, 10> kStates = {
      "seemed", "remained",  "appeared", "stayed",   "lived",
      "needed", "contained", "happened", "belonged", "lasted"};
  const StoryText story(from.story);
  const auto premise = premise_stems(from.prompt);
  Rewriter out(story);
  const auto past = OrderClasses::get().of(OrderClasses::kPast);
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const WordForm& form = story.form(story.words()[i]);
    if (form.order_class != past || !form.entry.is(kAction)) continue;
    if (form.entry.is(kConcrete) || form.entry.is(kInner)) continue;
    if (premise.contains(std::string(stem(form.lower)))) continue;
    if (chance("P3", i) < kThirds[severity])
      out.replace(story.words()[i], kStates[id_hash(form.lower) % kStates.size()]);
  }
  return out.finish();
}

/// Words that are not common are replaced by a few that are.
std::string plain_words(const TestStory& from, int severity) {
  constexpr double kShares[] = {0.0, 0.25, 0.45, 0.65};
  const StoryText story(from.story);
  const auto past = OrderClasses::get().of(OrderClasses::kPast);
  const auto premise = premise_stems(from.prompt);
  Rewriter out(story);
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const Word& word = story.words()[i];
    const WordForm& form = story.form(word);
    if (!is_small_content(story, word) || (form.entry.fields & kAnyMatter) != 0) continue;
    if (form.order_class == past || premise.contains(std::string(stem(form.lower)))) continue;
    if (chance("P4", id_hash(form.lower)) < kShares[severity])
      out.replace(word, neutral_for(form, 2, premise));
  }
  return out.finish();
}

std::string remarks(const TestStory& from, int severity) {
  constexpr double kRates[] = {0.0, 2.0, 5.0, 10.0};  // per 1,000 words
  const StoryText story(from.story);
  Rewriter out(story);
  double due = 0.5;
  std::size_t next = 0;
  for (const Sentence& sentence : story.sentences()) {
    due += kRates[severity] * sentence.words() / 1000.0;
    if (due < 1.0 || !sentence.has_terminator || story.words()[sentence.end_word - 1].in_speech)
      continue;
    due -= 1.0;
    const auto all = remarks_to_asker();
    // Inside the sentence, so that sentences and paragraphs stay what they were.
    const std::size_t at = story.words()[sentence.end_word - 1].end;
    std::string remark(all[next++ % all.size()]);
    if (remark.starts_with("i ") || remark.starts_with("i'")) remark[0] = 'I';
    out.insert(at, " (" + remark + ")");
  }
  return out.finish();
}

std::string shuffled(const TestStory& from, int severity) {
  constexpr double kShares[] = {0.0, 0.3, 0.6, 1.0};
  return with_shuffled_sentences(from.story, kShares[severity], id_hash(from.uid));
}

/// Phrases at the ends of clauses, behind a comma.
std::string with_phrases(const TestStory& from, double per_thousand,
                         std::span<const std::string_view> phrases) {
  const StoryText story(from.story);
  Rewriter out(story);
  double due = 0.5;
  std::size_t next = id_hash(from.uid);
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const Word& word = story.words()[i];
    due += per_thousand / 1000.0;
    if (due < 1.0 || !word.ends_clause || word.end >= from.story.size()) continue;
    if (from.story[word.end] != ',') continue;
    due -= 1.0;
    out.insert(word.end, ", " + std::string(phrases[(next += 7) % phrases.size()]));
  }
  return out.finish();
}

std::string stock_words(const TestStory& from, int severity) {
  constexpr double kRates[] = {0.0, 3.0, 6.0, 10.0};
  return with_phrases(from, kRates[severity], stock_phrases());
}

std::string stock_turns_added(const TestStory& from, int severity) {
  constexpr double kRates[] = {0.0, 3.0, 6.0, 10.0};
  return with_phrases(from, kRates[severity], stock_turns());
}

std::string abstracted(const TestStory& from, int severity) {
  constexpr double kShares[] = {0.0, 0.2, 0.45, 0.8};
  static const auto kNotions = [] {
    std::array<std::vector<std::string_view>, 2> notions;  // singular, plural
    for (const auto& [words, fields] : word_lists()) {
      if (fields != kAbstract) continue;
      for (const std::string_view word : split(words, ' ')) {
        const WordEntry entry = look_up(word);
        const auto of = OrderClasses::get().of_word(word);
        if (!entry.is(kAbstract) || entry.is(kFunctionWord) || entry.is(kTaskWord)) continue;
        if (of == OrderClasses::get().of(OrderClasses::kOther)) notions[0].push_back(word);
        if (of == OrderClasses::get().of(OrderClasses::kPlural)) notions[1].push_back(word);
      }
    }
    return notions;
  }();
  const StoryText story(from.story);
  const auto premise = premise_stems(from.prompt);
  const OrderClasses& classes = OrderClasses::get();
  Rewriter out(story);
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const Word& word = story.words()[i];
    const WordForm& form = story.form(word);
    if (!is_small_content(story, word) || (form.entry.fields & kAnyMatter) != 0) continue;
    const bool is_plural = form.order_class == classes.of(OrderClasses::kPlural);
    if (!is_plural && form.order_class != classes.of(OrderClasses::kOther)) continue;
    if (premise.contains(std::string(stem(form.lower)))) continue;
    const auto& notions = kNotions[is_plural ? 1 : 0];
    if (chance("N4", i) < kShares[severity])
      out.replace(word, notions[id_hash(form.lower) % notions.size()]);
  }
  return out.finish();
}

/// The beginning is told again before the middle.
std::string retold(const TestStory& from, int severity) {
  constexpr double kShares[] = {0.0, 0.05, 0.11, 0.20};  // of the story
  const StoryText story(from.story);
  const auto sentences = story.sentences();
  const double wanted = kShares[severity] * static_cast<double>(story.words().size());
  std::size_t last = 0;
  while (last < sentences.size() && sentences[last].end_word < wanted) ++last;
  std::size_t middle = 1 + sentences.size() * 3 / 10;
  while (middle < sentences.size() &&
         sentences[middle].paragraph == sentences[middle - 1].paragraph)
    ++middle;
  if (middle >= sentences.size() || last >= middle) return from.story;
  std::string copy(story.text().substr(0, sentences[last].end));
  Rewriter out(story);
  out.insert(sentences[middle].begin, copy + "\n\n");
  return out.finish();
}

/// The last pages are replaced by what stood right before them.
std::string looped_tail(const TestStory& from, int severity) {
  constexpr double kShares[] = {0.0, 0.08, 0.16, 0.30};
  const StoryText story(from.story);
  const auto sentences = story.sentences();
  const auto count = static_cast<double>(story.words().size());
  const double cut_word = count * (1.0 - kShares[severity]);
  std::size_t cut = 0;
  while (cut + 1 < sentences.size() && sentences[cut].end_word < cut_word) ++cut;
  std::size_t from_sentence = cut;
  while (from_sentence > 0 && sentences[cut].first_word - sentences[from_sentence].first_word < 150)
    --from_sentence;
  std::string text(story.text().substr(0, sentences[cut].begin));
  std::size_t missing = story.words().size() - sentences[cut].first_word;
  while (missing > 0) {
    for (std::size_t i = from_sentence; i < cut && missing > 0; ++i) {
      text += from.story.substr(sentences[i].begin, sentences[i + 1].begin - sentences[i].begin);
      missing -= std::min<std::size_t>(missing, sentences[i].words());
    }
    if (from_sentence == cut) break;
  }
  return std::string(right_strip(text));
}

std::string showy_tags(const TestStory& from, int severity) {
  constexpr std::array<std::string_view, 10> kPlain = {"said",  "says",     "asked",     "replied",
                                                       "cried", "answered", "whispered", "muttered",
                                                       "added", "murmured"};
  constexpr std::array<std::string_view, 8> kShowy = {
      "opined", "intoned", "thundered", "gushed", "expostulated", "averred", "rasped", "beamed"};
  const StoryText story(from.story);
  Rewriter out(story);
  std::size_t since_speech = 100;
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const Word& word = story.words()[i];
    since_speech = word.in_speech ? 0 : since_speech + 1;
    const bool is_tag = since_speech > 0 && since_speech < 4 &&
                        std::ranges::find(kPlain, story.form(word).lower) != kPlain.end();
    if (is_tag && chance("N7", i) < kThirds[severity]) out.replace(word, kShowy[i % kShowy.size()]);
  }
  return out.finish();
}

std::string slips(const TestStory& from, int severity) {
  constexpr double kRates[] = {0.0, 10.0, 20.0, 40.0};
  const StoryText story(from.story);
  Rewriter out(story);
  double due = 0.5;
  int kind = 0;
  for (const Word& word : story.words()) {
    due += kRates[severity] / 1000.0;
    if (due < 1.0 || word.end >= from.story.size()) continue;
    if (from.story[word.end] == ',') {
      constexpr std::string_view kSlips[] = {" ", ","};
      out.insert(word.end, kSlips[kind++ % 2]);
      due -= 1.0;
    } else if (from.story[word.end] == ' ' && due > 1.3) {
      out.insert(word.end, " ");
      due -= 1.0;
    }
  }
  return out.finish();
}

/// Neighbouring words that no other measure counts change places.
std::string scrambled(const TestStory& from, int severity) {
  constexpr double kShares[] = {0.0, 0.15, 0.35, 0.6};
  const StoryText story(from.story);
  const auto words = story.words();
  Rewriter out(story);
  const auto may_move = [&](std::size_t i) {
    return i > 0 && i + 1 < words.size() && !words[i].is_capital && !words[i].starts_sentence &&
           !story.is_person(words[i]) && !story.is(words[i], kAction) &&
           !story.is(words[i], kState);
  };
  const auto text_of = [&](const Word& word) {
    return story.text().substr(word.begin, word.end - word.begin);
  };
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const bool doubles =
        i > 0 && i + 2 < words.size() &&
        (words[i - 1].form == words[i + 1].form || words[i].form == words[i + 2].form);
    const bool movable = may_move(i) && may_move(i + 1) && !words[i].ends_clause &&
                         !words[i + 1].ends_clause && !doubles;
    if (!movable || chance("N10", i) >= kShares[severity]) continue;
    out.replace(words[i], text_of(words[i + 1]));
    out.replace(words[i + 1], text_of(words[i]));
    ++i;
  }
  return out.finish();
}

std::string no_things(const TestStory& s, int severity) {
  return without_field(s, severity, kConcrete, "P5");
}
std::string no_feelings(const TestStory& s, int severity) {
  return without_field(s, severity, kInner, "P6");
}

}  // namespace

const std::vector<Defect>& own_defects() {
  static const std::vector<Defect> kDefects = {
      {"P1", "words of the premise replaced", off_premise},
      {"P2", "one-line paragraphs", one_line_paragraphs},
      {"P3", "deeds become states", without_deeds},
      {"P4", "uncommon words become a few common ones", plain_words},
      {"P5", "things and sense impressions replaced", no_things},
      {"P6", "feelings replaced", no_feelings},
      {"N1", "remarks to the asker", remarks},
      {"N2", "sentences shuffled", shuffled},
      {"N3", "set phrases inserted", stock_words},
      {"N4", "words become notions", abstracted},
      {"N5", "the beginning told again", retold},
      {"N6", "looped tail", looped_tail},
      {"N7", "showy speech verbs", showy_tags},
      {"N8", "slips of the pen", slips},
      {"N9", "stock turns inserted", stock_turns_added},
      {"N10", "word order scrambled", scrambled},
  };
  return kDefects;
}

}  // namespace polaris::lexical
