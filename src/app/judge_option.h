#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "app/options.h"
#include "judge/judge.h"
#include "judge/judge_config.h"

namespace CLI {
class App;
}

namespace polaris {

/// --judge none|lexical|http|replay:FILE: short for --set judge.kind=... in front of the others.
struct JudgeOption {
  std::string judge;  ///< empty: the configuration's judge.kind

  void add_to(CLI::App& command, const std::string& help);

  /// The configuration with the option in it.
  /// @throws Error{kInvalidConfig} for another word
  ConfigSource source(ConfigOptions config) const;
};

/// A line on standard error: "note: ...".
void tell(const std::string& line);

/// A name for one run of a command: "judge-20260604T090500Z-3f9c1a". No two are the same.
std::string new_run_id(const std::string& command);

/// How many questions to ask ahead: enough to keep a judge's calls in flight while the first in
/// line is slow.
std::size_t questions_ahead(const JudgeConfig& judge);

/// Asks a judge about many stories at once and gives the replies in the order of the questions.
/// For one thread; the judge answers on another.
class JudgeQueue {
 public:
  /// `judge` is borrowed.
  explicit JudgeQueue(Judge& judge) : judge_(judge) {}

  /// @throws what Judge::submit throws
  void ask(JudgeRequest request);

  /// Adds a reply that needs no judge.
  void add(JudgeReply reply);

  std::size_t size() const { return replies_.size(); }

  /// Waits for the first reply in line and takes it out. After Ctrl-C it waits for another 30 s in
  /// all: what is on its way may be paid for.
  /// @throws Error{kInterrupted}, and what stops the run (JudgeReply::stop)
  JudgeReply next();

 private:
  struct Slot {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<JudgeReply> reply;
  };

  Judge& judge_;
  std::deque<std::shared_ptr<Slot>> replies_;
  std::optional<std::chrono::steady_clock::time_point> give_up_;
};

}  // namespace polaris
