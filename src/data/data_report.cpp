#include "data/data_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "data/story_reader.h"
#include "text/length_sentence.h"
#include "text/thinking.h"
#include "text/words.h"

namespace polaris {
namespace {

// Upper edges, each inclusive; the length buckets of the evaluation are among them.
constexpr std::array<std::int64_t, 11> kWordEdges = {250,  500,  1000,  2000,  3000, 4000,
                                                     6000, 8000, 12000, 24000, 48000};
constexpr std::array<std::int64_t, 11> kTokenEdges = {64,   128,  256,   512,   1024, 2048,
                                                      4096, 8192, 16384, 32768, 65536};

/// One pass over a file.
class Checker {
 public:
  Checker(const std::filesystem::path& path, const DataCheck& check)
      : check_(check),
        file_(path.string()),
        reader_(path, {.needs_reasoning = check.hri && check.thinking}) {
    if (check.encoder != nullptr) report_.tokens.emplace();
  }

  DataReport run() {
    while (step()) check_.on_progress(reader_.bytes_read());
    if (report_.records == 0 && report_.problems == 0) problem(file_ + ": there are no records");
    if (report_.tokens && report_.records > 0 && report_.tokens->dropped_prompts == report_.records)
      problem(file_ + ": every record is dropped");
    if (check_.hri && report_.records > 0 && report_.with_reference == 0)
      check_.on_note(file_ + ": no record has a reference story; train with hri.enabled = false");
    return std::move(report_);
  }

 private:
  /// False at the end of the file.
  bool step() {
    try {
      const auto record = reader_.next();
      if (!record) return false;
      look_at(*record);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalidData) throw;
      problem(e.what());
    }
    return true;
  }

  void problem(const std::string& text) {
    ++report_.problems;
    check_.on_problem(text);
  }

  void note(const std::string& text) {
    check_.on_note(fmt::format("{}: {}", reader_.place(), text));
  }

  void look_at(const StoryRecord& record) {
    ++report_.records;
    look_at_lengths(record);
    if (record.reasoning) ++report_.with_reasoning;
    if (record.story) {
      ++report_.with_reference;
      report_.story_words.push_back(count_text(*record.story, WordForm::kNfc).words);
    }
    if (check_.encoder != nullptr) look_at_tokens(record);
  }

  void look_at_lengths(const StoryRecord& record) {
    const auto asked = target_words(record.prompt, TargetWordsRule::kCorrected);
    const auto target = record.target_word_count ? record.target_word_count : asked;
    if (!target) return;
    ++report_.with_target;
    report_.target_words.push_back(*target);
    if (asked && *asked != *target)
      note(fmt::format("the prompt asks for {} words, \"target_word_count\" is {}", *asked,
                       *target));
  }

  void look_at_tokens(const StoryRecord& record) {
    const FilteredPrompt made = make_prompt(record, *check_.encoder, check_.max_prompt_tokens);
    TokenReport& tokens = *report_.tokens;
    if (!made.prompt.tokens.empty())
      tokens.prompts.push_back(static_cast<std::int64_t>(made.prompt.tokens.size()));
    if (made.dropped) {
      ++tokens.dropped_prompts;
      note(fmt::format("the record is dropped: {}", *made.dropped));
    }
    if (made.prompt.reference && check_.hri) look_at_reference(made.prompt, tokens);
  }

  void look_at_reference(const Prompt& prompt, TokenReport& tokens) {
    const auto& options = check_.encoder->options();
    const auto length =
        static_cast<std::int64_t>(check_.encoder->reference_tokens(*prompt.reference).size());
    tokens.references.push_back(length);
    if (length <= options.max_response_tokens) return;
    ++tokens.long_references;
    const auto cut = check_.encoder->encode_reference(prompt);
    const char* outcome = "skipped";
    if (cut) {
      const auto split = split_response(cut->text, check_.encoder->opens_thinking(),
                                        UnclosedThinking::kEmptyStory);
      outcome = split.story.empty() ? "cut, and only thinking is left" : "cut";
    }
    note(fmt::format("the reference has {} tokens, data.max_response_tokens is {}: it is {}",
                     length, options.max_response_tokens, outcome));
  }

  const DataCheck& check_;
  std::string file_;
  StoryReader reader_;
  DataReport report_;
};

/// "story lengths in words: 445 to 3664, median 2133" and a bar for every bucket in between.
std::string histogram(std::string_view label, std::vector<std::int64_t> values,
                      std::span<const std::int64_t> edges) {
  if (values.empty()) return "";
  constexpr std::int64_t kWidest = 40;  // characters
  std::sort(values.begin(), values.end());
  std::string out = fmt::format("\n{}: {} to {}, median {}\n", label, values.front(), values.back(),
                                values[values.size() / 2]);
  struct Bucket {
    std::string range;
    std::int64_t count;
  };
  std::vector<Bucket> buckets;
  std::int64_t most = 0;
  auto begin = values.begin();
  for (std::size_t i = 0; i <= edges.size() && begin != values.end(); ++i) {
    const bool is_last = i == edges.size();
    const auto end = is_last ? values.end() : std::upper_bound(begin, values.end(), edges[i]);
    const std::int64_t low = i == 0 ? 0 : edges[i - 1] + 1;
    most = std::max<std::int64_t>(most, end - begin);
    if (end != begin || !buckets.empty())
      buckets.push_back(
          {is_last ? fmt::format("{} and more", low) : fmt::format("{} - {}", low, edges[i]),
           end - begin});
    begin = end;
  }
  for (const Bucket& bucket : buckets) {
    const std::int64_t width = (bucket.count * kWidest + most - 1) / most;
    out += fmt::format("  {:>15} {:>8} {}", bucket.range, bucket.count,
                       std::string(static_cast<std::size_t>(width), '#'));
    out.resize(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

}  // namespace

DataReport check_data(const std::filesystem::path& path, const DataCheck& check) {
  return Checker(path, check).run();
}

std::string text_of(const DataReport& report) {
  std::string out;
  const auto line = [&](std::string_view label, std::int64_t count) {
    out += fmt::format("{:<28} {:>8}\n", label, count);
  };
  line("records", report.records);
  line("  with a reference story", report.with_reference);
  line("  with reasoning", report.with_reasoning);
  line("  with a target length", report.with_target);
  if (report.tokens) {
    line("  dropped", report.tokens->dropped_prompts);
    line("  with too long a reference", report.tokens->long_references);
  }
  line("problems", report.problems);
  out += histogram("story lengths in words", report.story_words, kWordEdges);
  out += histogram("target lengths in words", report.target_words, kWordEdges);
  if (report.tokens) {
    out += histogram("prompt lengths in tokens", report.tokens->prompts, kTokenEdges);
    out += histogram("reference lengths in tokens", report.tokens->references, kTokenEdges);
  }
  return out;
}

}  // namespace polaris
