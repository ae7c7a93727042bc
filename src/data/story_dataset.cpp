#include "data/story_dataset.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "data/story_reader.h"

namespace polaris {

Prompt unrendered_prompt(const StoryRecord& record) {
  Prompt prompt{
      .id = record.name(), .text = record.prompt, .target_words = record.target_word_count};
  if (record.story) prompt.reference = Reference{record.reasoning.value_or(""), *record.story};
  return prompt;
}

FilteredPrompt make_prompt(const StoryRecord& record, const StoryEncoder& encoder,
                           std::int64_t max_prompt_tokens) {
  FilteredPrompt made{.prompt = unrendered_prompt(record)};
  try {
    made.prompt.tokens = encoder.encode_prompt(record.messages);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInvalidData) throw;
    made.dropped = e.what();
    return made;
  }
  const auto length = static_cast<std::int64_t>(made.prompt.tokens.size());
  if (length > max_prompt_tokens)
    made.dropped = fmt::format("its prompt has {} tokens, data.max_prompt_tokens is {}", length,
                               max_prompt_tokens);
  return made;
}

StoryDataset load_stories(const std::filesystem::path& path, const StoryEncoder& encoder,
                          const StoryFilter& filter) {
  StoryDataset dataset;
  StoryReader reader(path, {.needs_reasoning = filter.hri && encoder.options().thinking});
  while (const auto record = reader.next()) {
    FilteredPrompt made = make_prompt(*record, encoder, filter.max_prompt_tokens);
    if (made.dropped) {
      dataset.dropped.push_back({made.prompt.id, record->line, std::move(*made.dropped)});
      continue;
    }
    if (!made.prompt.reference) ++dataset.without_reference;
    dataset.prompts.push_back(std::move(made.prompt));
  }
  const auto refused = [&](const std::string& reason) {
    return Error(ErrorCode::kInvalidData, fmt::format("{}: {}", path.string(), reason));
  };
  if (dataset.prompts.empty() && dataset.dropped.empty()) throw refused("there are no records");
  if (dataset.prompts.empty())
    throw refused(fmt::format("all {} records are dropped; line {}: {}", dataset.dropped.size(),
                              dataset.dropped[0].line, dataset.dropped[0].reason));
  if (filter.hri && dataset.without_reference == dataset.prompts.size())
    throw refused(
        "no record has a reference story (\"story\"); add them, or set hri.enabled = false");
  return dataset;
}

}  // namespace polaris
