#include "app/story_input.h"

#include "text/thinking.h"

namespace polaris {
namespace {

/// What a record asked for, read as `train` reads its data; fields of a data record that mean
/// something else here (`story`, `answer`) stay out of it.
StoryRecord question_of(const Record& record) {
  OrderedJson question = OrderedJson::object();
  for (const char* field : {"id", "uid", "prompt", "extra_info", "target_word_count", "target"}) {
    if (const OrderedJson* value = record.find(field)) question[field] = *value;
  }
  return parse_story_record(question, record.file(), record.line());
}

StoryOrigin origin_of(const Record& record) {
  const auto origin = record.text("origin").value_or("policy");
  if (origin == "policy") return StoryOrigin::kPolicy;
  if (origin == "reference") return StoryOrigin::kReference;
  throw record.refused("\"origin\" is neither \"policy\" nor \"reference\"");
}

}  // namespace

JudgeRequest StoryInput::request() const {
  return {.uid = question.name(),
          .prompt = question.prompt,
          .story = story,
          .target_words = question.target_word_count,
          .origin = origin};
}

StoryInput story_input(const Record& record, const RunConfig& config) {
  StoryInput input{.question = question_of(record), .origin = origin_of(record)};
  if (const auto response = record.text("response")) {
    const SplitResponse split =
        split_response(*response, config.model.thinking, config.reward.unclosed_thinking);
    input.story = split.story;
    if (split.thinking) input.thinking = *split.thinking;
    input.unclosed = split.unclosed;
    return input;
  }
  const auto story = record.text("story");
  if (!story) throw record.refused("the record has neither \"response\" nor \"story\"");
  input.story = *story;
  if (const auto thinking = record.text("thinking")) input.thinking = *thinking;
  return input;
}

}  // namespace polaris
