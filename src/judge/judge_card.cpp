#include "judge/judge_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "judge/judgement.h"
#include "text/words.h"

namespace polaris {
namespace {

/// Where word number `word` (from 0) begins; the end if there are fewer.
std::size_t start_of_word(std::string_view text, std::size_t word) {
  bool is_inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_blank = text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r';
    if (!is_blank && !is_inside && word-- == 0) return i;
    is_inside = !is_blank;
  }
  return text.size();
}

std::size_t word_count(std::string_view text) {
  return static_cast<std::size_t>(count_pieces(text));
}

bool ends_sentence(std::string_view text) {
  return text.ends_with('.') || text.ends_with('!') || text.ends_with('?');
}

std::string_view without_blank_end(std::string_view text) {
  const auto last = text.find_last_not_of(" \n\t\r");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string_view first_words(std::string_view text, std::size_t count) {
  return without_blank_end(text.substr(0, start_of_word(text, count)));
}

struct Overall {
  double mean = 0.0;
  std::optional<double> sd;
};

/// Of the repeats that have a verdict; absent if none has.
std::optional<Overall> overall_of(std::span<const JudgeReply> repeats, const ScoreRule& rule) {
  JudgeReply together;
  for (const JudgeReply& reply : repeats) {
    if (!reply.verdict) continue;
    if (!together.verdict)
      together.verdict = reply.verdict;
    else
      together.further.push_back(*reply.verdict);
  }
  const Spread spread = spread_of(together, rule);
  if (spread.count == 0) return std::nullopt;
  Overall overall{.mean = spread.mean};
  if (spread.count > 1) overall.sd = spread.sd;
  return overall;
}

/// The value below which `share` of the values lie.
std::optional<double> quantile(std::vector<double> values, double share) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  const auto place =
      static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(place, 1, values.size()) - 1];
}

bool is_parse_failure(JudgeFailure failure) {
  return failure == JudgeFailure::kTruncated || failure == JudgeFailure::kUnparseable ||
         failure == JudgeFailure::kInvalid || failure == JudgeFailure::kEmpty;
}

/// What single replies say, whatever story they belong to.
void count(std::span<const JudgeReply> replies, JudgeCard& card) {
  std::vector<double> latencies;
  double usd = 0.0;
  bool is_priced = true;
  for (const JudgeReply& reply : replies) {
    card.quotes_checked += reply.quotes_checked;
    card.quotes_verified += reply.quotes_verified;
    if (reply.failure)
      ++(is_parse_failure(*reply.failure) ? card.parse_failures : card.other_failures);
    if (!reply.verdict) continue;
    ++card.answers;
    const JudgementRecord* record = reply.records.empty() ? nullptr : reply.records[0].get();
    latencies.push_back(record ? static_cast<double>(record->latency_ms) / 1000 : reply.latency_s);
    if (record == nullptr) continue;  // text statistics cost nothing
    is_priced = is_priced && record->cost_usd.has_value();
    usd += reply.cached ? record->cost_usd.value_or(0.0) : reply.cost_usd;
  }
  card.latency_p50_s = quantile(latencies, 0.50);
  card.latency_p95_s = quantile(latencies, 0.95);
  if (is_priced && card.answers > 0) card.usd_per_1000 = 1000 * usd / card.answers;
}

}  // namespace

std::string with_looped_tail(std::string_view story) {
  constexpr std::size_t kLoop = 60;  // words
  const std::size_t words = word_count(story);
  std::size_t kept = words * 6 / 10;
  while (kept > 1 && !ends_sentence(first_words(story, kept))) --kept;
  const std::string_view head = first_words(story, kept);
  const std::size_t loop_words = std::min(kLoop, kept);
  if (loop_words == 0) return std::string(story);
  const std::string_view loop = head.substr(start_of_word(head, kept - loop_words));
  std::string looped(head);
  for (std::size_t length = kept; length < words; length += loop_words)
    looped += fmt::format("\n\n{}", loop);
  return looped;
}

std::string with_cut_ending(std::string_view story) {
  std::size_t kept = word_count(story) * 7 / 10;
  while (kept > 1 && ends_sentence(first_words(story, kept))) --kept;
  return std::string(first_words(story, kept));
}

std::vector<JudgeRequest> card_questions(std::span<const JudgeRequest> stories) {
  std::vector<JudgeRequest> questions;
  for (const JudgeRequest& story : stories) {
    for (const std::string& text :
         {story.story, with_looped_tail(story.story), with_cut_ending(story.story)}) {
      for (int repeat = 0; repeat < kCardRepeats; ++repeat) {
        questions.push_back(story);
        questions.back().story = text;
        questions.back().repeat = repeat;
      }
    }
  }
  return questions;
}

JudgeCard judge_card(std::span<const JudgeReply> replies, const ScoreRule& rule) {
  constexpr auto kPerStory = static_cast<std::size_t>(kCardVariants * kCardRepeats);
  POLARIS_CHECK(replies.size() % kPerStory == 0);
  JudgeCard card{.stories = static_cast<int>(replies.size() / kPerStory),
                 .asked = static_cast<int>(replies.size())};
  count(replies, card);
  double sd_sum = 0.0;
  int sd_count = 0;
  for (std::size_t story = 0; story < replies.size(); story += kPerStory) {
    std::optional<Overall> variants[kCardVariants];
    for (std::size_t v = 0; v < kCardVariants; ++v) {
      variants[v] = overall_of(replies.subspan(story + v * kCardRepeats, kCardRepeats), rule);
      if (!variants[v] || !variants[v]->sd) continue;
      sd_sum += *variants[v]->sd;
      ++sd_count;
    }
    const auto& [original, looped, cut] = variants;
    if (original && looped) {
      ++card.pairs_looped;
      card.looped_below += looped->mean < original->mean ? 1 : 0;
    }
    if (original && cut) {
      ++card.pairs_cut;
      card.cut_below += cut->mean < original->mean ? 1 : 0;
    }
  }
  if (sd_count > 0) card.repeat_sd = sd_sum / sd_count;
  return card;
}

Json to_json(const JudgeCard& card) {
  return {{"stories", card.stories},
          {"asked", card.asked},
          {"answers", card.answers},
          {"parse_failures", card.parse_failures},
          {"other_failures", card.other_failures},
          {"repeat_sd", or_null(card.repeat_sd)},
          {"order",
           {{"looped_below", card.looped_below},
            {"pairs_looped", card.pairs_looped},
            {"cut_below", card.cut_below},
            {"pairs_cut", card.pairs_cut}}},
          {"quotes_checked", card.quotes_checked},
          {"quotes_verified", card.quotes_verified},
          {"latency_p50_s", or_null(card.latency_p50_s)},
          {"latency_p95_s", or_null(card.latency_p95_s)},
          {"usd_per_1000", or_null(card.usd_per_1000)}};
}

std::string card_text(const JudgeCard& card) {
  const auto number = [](const std::optional<double>& value, const char* unit) {
    return value ? fmt::format("{:.2f}{}", *value, unit) : "not known";
  };
  std::string text;
  const auto line = [&](const char* what, const std::string& value) {
    text += fmt::format("{:<28}{}\n", what, value);
  };
  line("answers", fmt::format("{} of {} ({} stories, 3 variants, 3 repeats)", card.answers,
                              card.asked, card.stories));
  line("unreadable answers", fmt::format("{}", card.parse_failures));
  line("other failures", fmt::format("{}", card.other_failures));
  line("sd between repeats", number(card.repeat_sd, " points"));
  line("looped below original", fmt::format("{} of {}", card.looped_below, card.pairs_looped));
  line("cut below original", fmt::format("{} of {}", card.cut_below, card.pairs_cut));
  line("quotes in the story",
       card.quotes_checked == 0
           ? "none were given"
           : fmt::format("{:.0f} % of {}", 100.0 * card.quotes_verified / card.quotes_checked,
                         card.quotes_checked));
  line("seconds per answer", fmt::format("{} (median), {} (95 %)", number(card.latency_p50_s, ""),
                                         number(card.latency_p95_s, "")));
  line("USD per 1,000 stories", number(card.usd_per_1000, ""));
  return text;
}

}  // namespace polaris
