#include "train/supervised_stories.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "data/story_dataset.h"
#include "data/story_reader.h"
#include "rl/data_order.h"

namespace polaris {
namespace {

constexpr std::string_view kParagraphBreak = "\n\n";

std::vector<std::size_t> paragraph_ends(std::string_view story) {
  std::vector<std::size_t> ends;
  for (std::size_t at = story.find(kParagraphBreak); at != std::string_view::npos;
       at = story.find(kParagraphBreak, at + kParagraphBreak.size())) {
    if (at > 0) ends.push_back(at);
  }
  return ends;
}

/// The tokens of the plan and of as many paragraphs as fit into `room`; nothing if none does.
std::optional<std::vector<TokenId>> cut_response(const StoryEncoder& encoder,
                                                 const Reference& reference, std::size_t room) {
  const auto encode = [&](std::size_t end) {
    auto tokens = encoder.reference_tokens(
        {.reasoning = reference.reasoning, .story = reference.story.substr(0, end)});
    tokens.pop_back();  // the end of turn: the story goes on
    return tokens;
  };
  const auto ends = paragraph_ends(reference.story);
  const auto too_long = std::ranges::partition_point(
      ends, [&](std::size_t end) { return encode(end).size() <= room; });
  if (too_long == ends.begin()) return std::nullopt;
  return encode(*std::prev(too_long));
}

}  // namespace

SupervisedStories load_supervised_stories(const std::filesystem::path& file,
                                          const StoryEncoder& encoder,
                                          const SupervisedLimits& limits) {
  SupervisedStories stories;
  StoryReader reader(file, {.needs_reasoning = encoder.options().thinking});
  while (const auto record = reader.next()) {
    FilteredPrompt made = make_prompt(*record, encoder, limits.max_prompt_tokens);
    if (!made.prompt.reference)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{}: there is no \"story\" to learn", reader.place()));
    const auto budget = static_cast<std::size_t>(limits.max_tokens);
    if (made.dropped || made.prompt.tokens.size() >= budget) {
      ++stories.dropped;
      continue;
    }
    const std::size_t room = budget - made.prompt.tokens.size();
    auto response = encoder.reference_tokens(*made.prompt.reference);
    if (response.size() > room) {
      auto cut = cut_response(encoder, *made.prompt.reference, room);
      if (!cut) {
        ++stories.dropped;
        continue;
      }
      ++stories.cut;
      response = std::move(*cut);
    }
    stories.train.push_back({.origin = Origin::kReference,
                             .prompt_tokens = std::move(made.prompt.tokens),
                             .response_tokens = std::move(response),
                             .advantage = 1.0});
  }
  const auto held_out =
      static_cast<std::ptrdiff_t>(limits.holdout * static_cast<double>(stories.train.size()));
  const auto first_held_out = stories.train.end() - held_out;
  stories.holdout.assign(std::make_move_iterator(first_held_out),
                         std::make_move_iterator(stories.train.end()));
  stories.train.erase(first_held_out, stories.train.end());
  if (stories.train.empty())
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: no story is left to train on ({} dropped, {} held out)",
                            file.string(), stories.dropped, stories.holdout.size()));
  return stories;
}

std::vector<std::vector<std::size_t>> supervised_batches(const std::vector<Row>& rows,
                                                         std::int64_t batch_tokens,
                                                         std::uint32_t seed) {
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t room = 0;
  for (const std::size_t row : shuffled_order(rows.size(), seed)) {
    if (room <= 0) {
      batches.emplace_back();
      room = batch_tokens;
    }
    batches.back().push_back(row);
    room -= static_cast<std::int64_t>(rows[row].prompt_tokens.size() +
                                      rows[row].response_tokens.size());
  }
  return batches;
}

}  // namespace polaris
