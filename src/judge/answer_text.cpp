#include "judge/answer_text.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "text/strip.h"

namespace polaris {
namespace {

constexpr int kMaxRestarts = 64;  // braces from which the search begins again

AnswerProblem unparseable(std::string message) {
  return {.failure = JudgeFailure::kUnparseable, .message = std::move(message)};
}

/// Behind the byte order mark and behind a reasoning block; all of an unclosed block goes.
std::string_view without_preamble(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  constexpr std::string_view kOpen = "<think>";
  constexpr std::string_view kClose = "</think>";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  text = strip(text);
  // A server whose chat template opens the block sends its end only.
  const bool opened = text.starts_with(kOpen);
  if (!opened && (text.starts_with('{') || text.starts_with('`'))) return text;
  const auto close = text.find(kClose);
  if (close != std::string_view::npos) return text.substr(close + kClose.size());
  return opened ? std::string_view() : text;
}

/// One past the brace that closes the object at `begin`, seen with JSON's eyes: braces in strings
/// do not count. npos if none does.
std::size_t object_end(std::string_view text, std::size_t begin) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

/// The object itself or, if it is no answer, the first one inside it that is more of one.
const Json* best_within(const Json& value, const MatchAnswer& match, AnswerMatch& found) {
  if (!value.is_structured() || found == AnswerMatch::kComplete) return nullptr;
  const Json* best = nullptr;
  if (const AnswerMatch own = value.is_object() ? match(value) : AnswerMatch::kNone; own > found) {
    found = own;
    best = &value;
  }
  for (const Json& member : value) {
    if (const Json* inner = best_within(member, match, found)) best = inner;
  }
  return best;
}

/// What the search has seen so far.
class Search {
 public:
  explicit Search(const MatchAnswer& match) : match_(match) {}

  /// True if `text` is an object; then it is one of the candidates.
  bool take(std::string_view text) {
    Json value;
    try {
      value = parse_json(text, "the answer");
    } catch (const Error& e) {
      // A key that stands twice is JSON all the same.
      const bool is_json = Json::accept(text);
      problem_ = {is_json ? JudgeFailure::kInvalid : JudgeFailure::kUnparseable, e.what()};
      return is_json;
    }
    AnswerMatch match = AnswerMatch::kNone;
    const Json* answer = best_within(value, match_, match);
    if (answer == nullptr) {
      problem_ = {JudgeFailure::kInvalid, "the answer's object has none of the rubric's keys"};
    } else if (match >= best_match_) {
      best_match_ = match;
      best_ = answer == &value ? std::move(value) : Json(*answer);
    }
    return true;
  }

  void cut_off() { is_cut_off_ = true; }

  std::variant<Json, AnswerProblem> result() && {
    if (best_) return std::move(*best_);
    if (is_cut_off_) return unparseable("the answer's object does not end");
    if (problem_) return *problem_;
    return unparseable("the answer holds no JSON object");
  }

 private:
  const MatchAnswer& match_;
  AnswerMatch best_match_ = AnswerMatch::kNone;
  std::optional<Json> best_;
  std::optional<AnswerProblem> problem_;  // of the last candidate that is no answer
  bool is_cut_off_ = false;
};

}  // namespace

std::variant<Json, AnswerProblem> find_answer(std::string_view text, const MatchAnswer& match) {
  if (text.size() > kMaxAnswerBytes)
    return unparseable(fmt::format("the answer is longer than {} bytes", kMaxAnswerBytes));
  text = without_preamble(text);
  Search search(match);
  int restarts = 0;
  auto begin = text.find('{');
  while (begin != std::string_view::npos && restarts < kMaxRestarts) {
    const auto end = object_end(text, begin);
    if (end == std::string_view::npos) search.cut_off();
    if (end != std::string_view::npos && search.take(text.substr(begin, end - begin))) {
      begin = text.find('{', end);
    } else {
      begin = text.find('{', begin + 1);
      ++restarts;
    }
  }
  return std::move(search).result();
}

}  // namespace polaris
