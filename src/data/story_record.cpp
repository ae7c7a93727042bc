#include "data/story_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"
#include "text/strip.h"

namespace polaris {
namespace {

// In the order of the released build, which does not know `story`; the published description does.
constexpr std::array kStoryFields = {"ground_truth", "solution", "answer", "target"};

/// A value as a message quotes it: short, whatever the file holds.
std::string quoted(const OrderedJson& value) {
  constexpr std::size_t kMaxCharacters = 40;
  if (value.is_structured()) return value.is_array() ? "a list" : "an object";
  return shorten(value.dump(), kMaxCharacters);
}

/// The text of a message, whether its content came as a string or as parts.
std::string text_of(const Message& message) {
  std::string text = message.content;
  for (const ContentPart& part : message.parts) text += part.text;
  return text;
}

/// Reads one record; errors name its place.
class RecordReader {
 public:
  RecordReader(const OrderedJson& json, std::string place)
      : json_(json), place_(std::move(place)) {}

  StoryRecord read(std::size_t line) const {
    if (!json_.is_object())
      throw refused(
          fmt::format("the line holds {}; write one record {{...}} per line", quoted(json_)));
    StoryRecord record{.id = read_id(line), .line = line, .messages = read_messages()};
    record.prompt = plain_prompt(record.messages);
    record.target_word_count = read_target_word_count();
    record.story = read_story();
    record.reasoning = text_at(json_, "ground_truth_reasoning");
    refuse_think_tags(record.story, "the reference story");
    refuse_think_tags(record.reasoning, "\"ground_truth_reasoning\"");
    record.target = text_or_nothing("target");
    record.source = text_or_nothing("data_source");
    if (!record.source) record.source = text_or_nothing("source");
    return record;
  }

 private:
  Error refused(const std::string& reason) const {
    return {ErrorCode::kInvalidData, fmt::format("{}: {}", place_, reason)};
  }

  Error wrong_type(std::string_view field, const OrderedJson& value, const char* wanted) const {
    return refused(fmt::format("\"{}\" is {}; it must be {}", field, quoted(value), wanted));
  }

  /// The field, unless it is absent or null.
  static const OrderedJson* find(const OrderedJson& object, const char* field) {
    const auto found = object.find(field);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  /// A string that is not blank. `within` names the object in errors: "reward_model.".
  std::optional<std::string> text_at(const OrderedJson& object, const char* field,
                                     std::string_view within = "") const {
    const OrderedJson* value = find(object, field);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string())
      throw wrong_type(fmt::format("{}{}", within, field), *value, "a string");
    auto text = value->get<std::string>();
    if (strip(text).empty()) return std::nullopt;
    return text;
  }

  /// For fields that other programs may use for something else.
  std::optional<std::string> text_or_nothing(const char* field) const {
    const OrderedJson* value = find(json_, field);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
  }

  Json read_id(std::size_t line) const {
    for (const char* field : {"id", "uid"}) {
      const OrderedJson* id = find(json_, field);
      if (id == nullptr) continue;
      if (!id->is_string() && !id->is_number())
        throw wrong_type(field, *id, "a string or a number");
      if (id->is_string() && id->get_ref<const std::string&>().empty())
        throw refused(fmt::format("\"{}\" is empty; leave it out or fill it", field));
      return *id;
    }
    return line;
  }

  std::vector<Message> read_messages() const {
    const OrderedJson* prompt = find(json_, "prompt");
    if (prompt == nullptr) throw refused("the record has no \"prompt\"");
    std::vector<Message> messages;
    if (prompt->is_string()) {
      messages.push_back({.role = "user", .content = prompt->get<std::string>()});
    } else if (prompt->is_array()) {
      messages = parse_messages(*prompt, fmt::format("{}: \"prompt\"", place_));
    } else {
      throw wrong_type("prompt", *prompt, "a string or a list of {role, content}");
    }
    return messages;
  }

  std::string plain_prompt(const std::vector<Message>& messages) const {
    const auto user = std::find_if(messages.begin(), messages.end(),
                                   [](const Message& message) { return message.role == "user"; });
    if (user == messages.end()) throw refused("\"prompt\" has no message with the role \"user\"");
    std::string text = text_of(*user);
    if (strip(text).empty()) throw refused("\"prompt\" is empty");
    const OrderedJson* extra = find(json_, "extra_info");
    if (extra == nullptr || !extra->is_object()) return text;
    return text_at(*extra, "prompt", "extra_info.").value_or(text);
  }

  std::optional<std::int64_t> read_target_word_count() const {
    const OrderedJson* value = find(json_, "target_word_count");
    if (value == nullptr) return std::nullopt;
    // A column with gaps comes out of table tools as 1500.0.
    const double words = value->is_number() ? value->get<double>() : 0.0;
    if (words < 1 || words > kMaxTargetWords || words != std::floor(words))
      throw wrong_type("target_word_count", *value,
                       "a whole number from 1 to 1000000, without quotes");
    return static_cast<std::int64_t>(words);
  }

  std::optional<std::string> read_story() const {
    if (auto story = text_at(json_, "story")) return story;
    for (const char* field : kStoryFields) {
      if (auto story = text_at(json_, field)) return story;
    }
    const OrderedJson* reward_model = find(json_, "reward_model");
    if (reward_model == nullptr || !reward_model->is_object()) return std::nullopt;
    for (const char* field : kStoryFields) {
      if (auto story = text_at(*reward_model, field, "reward_model.")) return story;
    }
    return std::nullopt;
  }

  void refuse_think_tags(const std::optional<std::string>& text, std::string_view what) const {
    if (!text) return;
    for (const std::string_view tag : {"<think>", "</think>"}) {
      if (text->find(tag) != std::string::npos)
        throw refused(
            fmt::format("{} contains {}; remove it: the tags are added in training", what, tag));
    }
  }

  const OrderedJson& json_;
  std::string place_;
};

}  // namespace

std::string StoryRecord::name() const { return id.is_string() ? id.get<std::string>() : id.dump(); }

StoryRecord parse_story_record(const OrderedJson& json, std::string_view file, std::size_t line) {
  return RecordReader(json, fmt::format("{}:{}", file, line)).read(line);
}

}  // namespace polaris
