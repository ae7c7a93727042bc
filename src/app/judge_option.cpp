#include "app/judge_option.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>

#include "base/clock.h"
#include "base/interrupt.h"

namespace polaris {

void JudgeOption::add_to(CLI::App& command, const std::string& help) {
  command.add_option("--judge", judge, help)->type_name("none|lexical|http|replay:FILE");
}

ConfigSource JudgeOption::source(ConfigOptions config) const {
  constexpr std::string_view kReplay = "replay:";
  std::vector<std::string> settings;
  if (judge.starts_with(kReplay)) {
    settings = {"judge.kind=replay", fmt::format("judge.replay={}", judge.substr(kReplay.size()))};
  } else if (judge == "none" || judge == "lexical" || judge == "http") {
    settings = {fmt::format("judge.kind={}", judge)};
  } else if (!judge.empty()) {
    throw Error(
        ErrorCode::kInvalidConfig,
        fmt::format("--judge is \"{}\"; it is one of none, lexical, http, replay:FILE", judge));
  }
  config.overrides.insert(config.overrides.begin(), settings.begin(), settings.end());
  return config.source();
}

void tell(const std::string& line) { std::cerr << "note: " << line << '\n'; }

std::string new_run_id(const std::string& command) {
  std::string time;
  for (const char c : utc_text(SystemClock().wall_s())) {
    if (c != '-' && c != ':') time += c;
  }
  std::random_device random;
  return fmt::format("{}-{}-{:06x}", command, time, random() & 0xFFFFFFU);
}

std::size_t questions_ahead(const JudgeConfig& judge) {
  constexpr std::size_t kAtLeast = 64;
  if (judge.kind != JudgeKind::kHttp) return 0;
  return std::max(kAtLeast, 8 * static_cast<std::size_t>(judge.concurrency));
}

void JudgeQueue::ask(JudgeRequest request) {
  auto slot = std::make_shared<Slot>();
  judge_.submit(std::move(request), [slot](JudgeReply reply) {
    const std::lock_guard lock(slot->mutex);
    slot->reply = std::move(reply);
    slot->arrived.notify_all();
  });
  replies_.push_back(std::move(slot));
}

void JudgeQueue::add(JudgeReply reply) {
  replies_.push_back(std::make_shared<Slot>());
  replies_.back()->reply = std::move(reply);
}

JudgeReply JudgeQueue::next() {
  using std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLook(100);
  constexpr std::chrono::seconds kGrace(30);
  Slot& slot = *replies_.front();
  std::unique_lock lock(slot.mutex);
  while (!slot.arrived.wait_for(lock, kLook, [&] { return slot.reply.has_value(); })) {
    if (!interrupt_requested()) continue;
    if (!give_up_) give_up_ = steady_clock::now() + kGrace;
    if (steady_clock::now() < *give_up_) continue;
    throw Error(
        ErrorCode::kInterrupted,
        fmt::format("stopped; {} answers on their way were not waited for", replies_.size()));
  }
  JudgeReply reply = *std::move(slot.reply);
  lock.unlock();
  replies_.pop_front();
  if (reply.stop) throw *reply.stop;
  return reply;
}

}  // namespace polaris
