#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/status_line.h"
#include "base/clock.h"
#include "text/thinking_stream.h"
#include "text/words.h"

namespace polaris {

/// What is shown of a model's plan.
enum class ThinkingShown {
  kDimmed,  ///< on a terminal; elsewhere hidden
  kPlain,
  kHidden,
};

/// Shows an answer on standard output while it is being written, and how many words there are.
class StoryScreen {
 public:
  struct Options {
    bool opens_thinking = false;  ///< the prompt ends inside a think block
    ThinkingShown thinking = ThinkingShown::kDimmed;
    std::optional<std::int64_t> wanted_words;
  };

  /// `clock` is borrowed.
  StoryScreen(const Options& options, const Clock& clock);

  /// The text that one more token brought; may be empty.
  void add_token(std::string_view text);

  /// Text that was held back before the last token.
  void add_text(std::string_view text) { show(stream_.add(text)); }

  /// Shows what is held back here, and ends the line.
  void finish();

  /// Without its plan.
  const std::string& story() const { return story_; }

  /// Words, tokens and speed, for the person, when all is written.
  std::string figures() const;

 private:
  void show(const ThinkingStream::Part& part);
  std::string status() const;
  double tokens_per_second() const;

  Options options_;
  const Clock& clock_;
  double start_s_;
  bool is_terminal_;
  StatusLine status_line_;
  ThinkingStream stream_;
  WordCounter words_, thinking_words_;
  std::string story_;
  bool thinking_shown_ = false;
  std::int64_t tokens_ = 0;
};

}  // namespace polaris
