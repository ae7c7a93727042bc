#include "judge/lexical/stories_testing.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "base/jsonl.h"
#include "base/random.h"
#include "base/strings.h"
#include "judge/lexical/story_text.h"
#include "text/length_sentence.h"
#include "text/sentences.h"
#include "text/strip.h"

namespace polaris::lexical {

std::string with_shuffled_sentences(std::string_view text, double share, std::uint64_t seed) {
  const StoryText story(text);
  const auto sentences = story.sentences();
  RandomStream pick({.seed = seed, .prompt_hash = id_hash("pick")});
  RandomStream stream({.seed = seed, .prompt_hash = id_hash("shuffle")});
  std::vector<std::size_t> moved;
  for (std::size_t i = 0; i < sentences.size(); ++i)
    if (pick.uniform() < share) moved.push_back(i);
  std::vector<std::size_t> source(sentences.size());
  std::iota(source.begin(), source.end(), 0);
  std::vector<std::size_t> order = moved;
  stream.shuffle(std::span(order));
  for (std::size_t i = 0; i < moved.size(); ++i) source[moved[i]] = order[i];

  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    out += text.substr(done, sentences[i].begin - done);
    const Sentence& from = sentences[source[i]];
    out += text.substr(from.begin, from.end - from.begin);
    done = sentences[i].end;
  }
  out += text.substr(done);
  return out;
}

std::string without_ending(std::string_view text) {
  const StoryText story(text);
  if (story.sentences().size() < 2) return std::string(text);
  const Sentence& sentence = story.sentences()[story.sentences().size() - 2];
  return std::string(text.substr(0, story.words()[sentence.first_word + sentence.words() / 2].end));
}

std::string with_doubled_paragraphs(std::string_view text) {
  std::string out;
  for (const ByteRange& paragraph : paragraphs(text)) {
    for (int i = 0; i < 2; ++i) {
      if (!out.empty()) out += "\n\n";
      out += text.substr(paragraph.begin, paragraph.end - paragraph.begin);
    }
  }
  return out;
}

std::string looped(std::string_view text) {
  const StoryText story(text);
  const std::size_t sentences = std::min<std::size_t>(4, story.sentences().size());
  if (sentences == 0) return {};
  const std::string_view passage = text.substr(0, story.sentences()[sentences - 1].end);
  std::string out;
  while (out.size() < text.size()) out += std::string(passage) + "\n\n";
  return std::string(right_strip(out));
}

Babbler::Babbler(const std::vector<TestStory>& stories) {
  std::unordered_map<std::string, std::uint32_t> ids;
  const auto id_of = [&](std::string_view token) {
    const auto [at, is_new] = ids.try_emplace(std::string(token), tokens_.size());
    if (is_new) {
      tokens_.emplace_back(token);
      following_.emplace_back();
    }
    return at->second;
  };
  std::uint32_t previous = id_of("\n\n");
  const auto add = [&](std::string_view token) {
    const std::uint32_t id = id_of(token);
    following_[previous].push_back(id);
    previous = id;
  };
  for (const TestStory& story : stories) {
    for (const ByteRange& paragraph : paragraphs(story.story)) {
      const std::string text = story.story.substr(paragraph.begin, paragraph.end - paragraph.begin);
      for (const std::string_view word : split(text, ' '))
        if (!word.empty()) add(word);
      add("\n\n");
    }
  }
}

std::string Babbler::babble(std::size_t words, std::uint64_t seed) const {
  RandomStream stream({.seed = seed, .prompt_hash = id_hash("babble")});
  std::string out;
  std::uint32_t token = 0;
  for (std::size_t i = 0; i < words;) {
    const auto& next = following_[token];
    token = next[stream.below(static_cast<std::uint32_t>(next.size()))];
    if (token == 0) {
      out += "\n\n";
      continue;
    }
    if (!out.empty() && !out.ends_with('\n')) out += ' ';
    out += tokens_[token];
    ++i;
  }
  return std::string(right_strip(out));
}

std::vector<TestStory> starter_stories(const std::string& data_folder, bool only_short) {
  std::vector<std::string> files = {"short_train", "short_val"};
  if (!only_short) files.insert(files.end(), {"train", "val"});
  std::vector<TestStory> stories;
  for (const std::string& file : files) {
    JsonlReader reader(data_folder + "/starter/" + file + ".jsonl", LastLine::kMustBeWhole);
    while (const auto row = reader.next()) {
      stories.push_back({.uid = row->at("uid"),
                         .prompt = without_length_sentence(row->at("prompt").get<std::string>(),
                                                           LengthSentenceRule::kThatSentence),
                         .story = row->at("story")});
    }
  }
  return stories;
}

}  // namespace polaris::lexical
