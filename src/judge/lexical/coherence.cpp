// N2: whether neighbouring sentences belong together.

#include <fmt/format.h>

#include <array>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

// The 37 short stories of data/starter have 0.33 +- 0.14, their sentences in random order
// -0.04 +- 0.15, random walks over their word pairs -0.12 +- 0.17.
constexpr Scale kCoherence = {0.20, -0.02};
constexpr double kBurstsCount = 0.6;

/// What a sentence is like in a way that its neighbours tend to share: its length, and who is
/// spoken of.
enum Feature : std::size_t { kLength, kI, kYou, kHe, kShe, kThey, kFeatures };
using SentenceFeatures = std::array<double, kFeatures>;

Feature pronoun_feature(std::string_view lower) {
  struct Pronoun {
    std::string_view word;
    Feature feature;
  };
  constexpr Pronoun kPronouns[] = {
      {"i", kI},      {"me", kI},        {"my", kI},       {"we", kI},      {"us", kI},
      {"our", kI},    {"i'm", kI},       {"you", kYou},    {"your", kYou},  {"he", kHe},
      {"him", kHe},   {"his", kHe},      {"himself", kHe}, {"she", kShe},   {"her", kShe},
      {"hers", kShe}, {"herself", kShe}, {"they", kThey},  {"them", kThey}, {"their", kThey}};
  for (const Pronoun& pronoun : kPronouns) {
    if (pronoun.word == lower) return pronoun.feature;
  }
  return kFeatures;
}

std::vector<SentenceFeatures> features_of(const StoryText& story) {
  std::vector<Feature> of_form;
  for (const WordForm& form : story.forms()) of_form.push_back(pronoun_feature(form.lower));
  std::vector<SentenceFeatures> features;
  for (const Sentence& sentence : story.sentences()) {
    SentenceFeatures one{};
    for (std::size_t i = sentence.first_word; i < sentence.end_word; ++i) {
      const Feature feature = of_form[story.words()[i].form];
      if (feature != kFeatures) ++one[feature];
    }
    for (double& count : one) count = std::sqrt(count / sentence.words());
    one[kLength] = std::log(sentence.words());
    features.push_back(one);
  }
  return features;
}

/// Sentences [first, end) of a story.
struct Block {
  std::size_t first;
  std::size_t end;
  double size() const { return static_cast<double>(end - first); }
};

/// Correlation of a feature with itself one sentence before, less what chance gives; absent if it
/// never varies.
std::optional<double> self_correlation(const std::vector<SentenceFeatures>& features,
                                       std::size_t feature, Block block) {
  double mean = 0.0;
  for (std::size_t i = block.first; i < block.end; ++i) mean += features[i][feature];
  mean /= block.size();
  double squares = 0.0;
  double products = 0.0;
  for (std::size_t i = block.first; i < block.end; ++i) {
    const double here = features[i][feature] - mean;
    squares += here * here;
    if (i > block.first) products += here * (features[i - 1][feature] - mean);
  }
  if (squares < 1e-9) return std::nullopt;
  return products / squares + 1.0 / block.size();
}

/// The mean of it over the features that vary.
double likeness_of_neighbours(const std::vector<SentenceFeatures>& features, Block block) {
  double sum = 0.0;
  double varying = 0.0;
  for (std::size_t feature = 0; feature < kFeatures; ++feature) {
    const auto correlation = self_correlation(features, feature, block);
    sum += correlation.value_or(0.0);
    varying += correlation ? 1.0 : 0.0;
  }
  return rate(sum, varying, 1.0);
}

/// [sentences] the stems of content words and names in each. A sentence that came before in the
/// same words has none: loops are another dimension's business.
std::vector<std::vector<std::uint32_t>> stems_of(const StoryText& story) {
  std::vector<std::vector<std::uint32_t>> stems(story.sentences().size());
  std::unordered_set<std::string_view> known;
  for (std::size_t i = 0; i < stems.size(); ++i) {
    const Sentence& sentence = story.sentences()[i];
    if (!known.insert(story.text().substr(sentence.begin, sentence.end - sentence.begin)).second)
      continue;
    for (std::size_t j = sentence.first_word; j < sentence.end_word; ++j) {
      const Word& word = story.words()[j];
      if (story.is_content(word) || story.form(word).is_name)
        stems[i].push_back(story.form(word).stem);
    }
  }
  return stems;
}

/// Words come in bursts where a text stays with its matter: how often the next sentence with a stem
/// is at most two sentences away, for stems in 2 to 12 sentences, as (seen - expected) /
/// (seen + expected) against the same sentences in random order.
double burstiness(const std::vector<std::vector<std::uint32_t>>& stems, Block block) {
  constexpr double kNear = 2.0;
  constexpr double kFew = 2.0;  // keeps a story with next to no returning words near 0
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> places_of;
  for (std::size_t i = block.first; i < block.end; ++i) {
    for (const std::uint32_t stem : stems[i]) {
      auto& places = places_of[stem];
      if (places.empty() || places.back() != i) places.push_back(i);
    }
  }
  double seen = 0.0;
  double expected = 0.0;
  for (const auto& [stem, places] : places_of) {
    if (places.size() < 2 || places.size() > 12) continue;
    const auto others = static_cast<double>(places.size() - 1);
    const double near_share = std::min(1.0, kNear / (block.size() - 1.0));
    expected += others * (1.0 - std::pow(1.0 - near_share, others));
    for (std::size_t i = 1; i < places.size(); ++i)
      seen += static_cast<double>(places[i] - places[i - 1]) <= kNear ? 1.0 : 0.0;
  }
  return (seen - expected) / (seen + expected + kFew);
}

/// Both, the mean over blocks: what a story is like from page to page, not how long it is.
struct Cohesion {
  double likeness = 0.0;
  double bursts = 0.0;
};
Cohesion cohesion(const StoryText& story) {
  constexpr std::size_t kBlock = 40;  // sentences
  const auto features = features_of(story);
  const auto stems = stems_of(story);
  Cohesion mean;
  double blocks = 0.0;
  for_each_window(story.sentences().size(), kBlock, [&](std::size_t first, std::size_t end) {
    ++blocks;
    if (end - first < 4) return;  // too few for neighbours and others
    mean.likeness += likeness_of_neighbours(features, {first, end});
    mean.bursts += burstiness(stems, {first, end});
  });
  return {rate(mean.likeness, blocks, 1.0), rate(mean.bursts, blocks, 1.0)};
}

/// Quotation marks that open within a speech or close none, of all; paragraphs may reopen one.
struct SpeechFaults {
  double share = 0.0;
  std::optional<std::uint32_t> first;  ///< byte
};
SpeechFaults speech_faults(const StoryText& story) {
  constexpr double kFew = 4.0;
  double marks = 0.0;
  double faults = 0.0;
  bool is_open = false;
  bool at_paragraph = true;
  SpeechFaults result;
  for (const QuoteMark& mark : story.quote_marks()) {
    if (mark.kind == QuoteMark::kParagraph) {
      at_paragraph = true;
      continue;
    }
    const bool opens = mark.kind == QuoteMark::kOpen;
    const bool is_fault = opens ? is_open && !at_paragraph : !is_open;
    if (is_fault && !result.first) result.first = mark.position;
    faults += is_fault ? 1.0 : 0.0;
    ++marks;
    is_open = opens;
    at_paragraph = false;
  }
  result.share = faults / (marks + kFew);
  return result;
}

}  // namespace

Finding incoherence(const StoryText& story) {
  const Cohesion c = cohesion(story);
  const SpeechFaults speech = speech_faults(story);
  Finding finding;
  finding.share = on(kCoherence, c.likeness + kBurstsCount * c.bursts - speech.share);
  finding.why = fmt::format(
      "neighbouring sentences are alike by {:.2f}, words return near by by {:.2f} beyond chance, "
      "{:.0f} % of the quotation marks do not fit",
      c.likeness, c.bursts, 100.0 * speech.share);
  // Evidence: the first misplaced quotation mark, else the middle of the story.
  const auto words = story.words();
  if (words.empty()) return finding;
  const std::uint32_t place = speech.first.value_or(words[words.size() / 2].begin);
  const auto word = std::ranges::upper_bound(words, place, {}, &Word::begin) - words.begin();
  finding.quotes.push_back(story.quote_around(word > 0 ? static_cast<std::size_t>(word - 1) : 0));
  return finding;
}

}  // namespace polaris::lexical
