#pragma once

#include <string>
#include <string_view>

namespace polaris {

/// split_response() for a response that arrives in pieces, cut anywhere.
///
/// What is not certain yet is held back: a possible tag, and white space around it. Where thinking
/// was open at the start, all parts together are what split_response() gives, with the rule that a
/// story is empty whose thinking never ends; where it was not, "</think>" is text like any other,
/// because the story before it has been handed out.
class ThinkingStream {
 public:
  /// @param prompt_opened  whether the prompt ends inside a think block
  explicit ThinkingStream(bool prompt_opened) : prompt_opened_(prompt_opened) {}

  struct Part {
    std::string thinking;
    std::string story;
  };

  Part add(std::string_view text);

  /// What was held back, when no more will come.
  Part finish();

  /// Whether a think block is open.
  bool in_thinking() const { return place_ == Place::kThinking; }

 private:
  enum class Place { kStart, kThinking, kBeforeStory, kStory };

  Part advance(bool is_last);

  bool prompt_opened_;
  Place place_ = Place::kStart;
  std::string pending_;
};

}  // namespace polaris
