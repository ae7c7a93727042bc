#include "app/story_screen.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "base/error.h"

namespace polaris {

StoryScreen::StoryScreen(const Options& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      start_s_(clock.steady_s()),
      is_terminal_(::isatty(STDOUT_FILENO) != 0),
      status_line_(is_terminal_ ? STDERR_FILENO : -1),
      stream_(options.opens_thinking) {
  if (!is_terminal_ && options_.thinking == ThinkingShown::kDimmed)
    options_.thinking = ThinkingShown::kHidden;
}

void StoryScreen::add_token(std::string_view text) {
  ++tokens_;
  show(stream_.add(text));
  status_line_.show(status(), clock_.steady_s());
}

void StoryScreen::finish() {
  show(stream_.finish());
  std::cout << std::endl;
}

void StoryScreen::show(const ThinkingStream::Part& part) {
  thinking_words_.add(part.thinking);
  words_.add(part.story);
  story_ += part.story;
  if (!part.thinking.empty() && options_.thinking != ThinkingShown::kHidden) {
    const bool is_dimmed = options_.thinking == ThinkingShown::kDimmed;
    std::cout << (is_dimmed ? "\033[2m" : "") << part.thinking << (is_dimmed ? "\033[22m" : "");
    thinking_shown_ = true;
  }
  if (!part.story.empty()) {
    if (std::exchange(thinking_shown_, false)) std::cout << "\n\n";
    std::cout << part.story;
  }
  if (!std::cout.flush()) throw Error(ErrorCode::kIo, "cannot write to standard output");
}

std::string StoryScreen::status() const {
  const std::string rate = fmt::format("{:.0f} tokens/s", tokens_per_second());
  if (stream_.in_thinking())
    return fmt::format("planning: {} words  {}", thinking_words_.words(), rate);
  if (!options_.wanted_words) return fmt::format("{} words  {}", words_.words(), rate);
  return fmt::format("{} of {} words  {}", words_.words(), *options_.wanted_words, rate);
}

std::string StoryScreen::figures() const {
  std::string text = fmt::format("{} words", words_.words());
  if (options_.wanted_words)
    text += fmt::format(
        " of {} wanted ({:.2f})", *options_.wanted_words,
        static_cast<double>(words_.words()) / static_cast<double>(*options_.wanted_words));
  if (thinking_words_.words() > 0) text += fmt::format("; {} of plan", thinking_words_.words());
  return text + fmt::format("; {} tokens, {:.0f} a second", tokens_, tokens_per_second());
}

double StoryScreen::tokens_per_second() const {
  return static_cast<double>(tokens_) / std::max(clock_.steady_s() - start_s_, 1e-3);
}

}  // namespace polaris
