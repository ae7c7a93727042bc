#include "app/rank_lines.h"

#include <fmt/format.h>

#include <ostream>

namespace polaris {

void RankLines::add(int rank, std::string_view bytes) {
  std::string& text = unfinished_[rank];
  text += bytes.empty() && !text.empty() ? "\n" : bytes;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    take(rank, text.substr(0, end));
    text.erase(0, end + 1);
  }
}

void RankLines::take(int rank, const std::string& line) {
  if (rank == 0) return put(rank, line);
  held_.push_back({.rank = rank, .line = line, .since = Clock::now()});
}

void RankLines::put(int rank, const std::string& line) {
  if (shown_.size() >= kRemembered) shown_.clear();
  if (shown_.try_emplace(line, rank).first->second != rank) return;
  if (rank > 0) out_ << fmt::format("rank {}: ", rank);
  out_ << line << '\n' << std::flush;
}

void RankLines::show_until(Clock::time_point since) {
  for (; !held_.empty() && held_.front().since <= since; held_.pop_front())
    put(held_.front().rank, held_.front().line);
}

void RankLines::finish() {
  for (const auto& [rank, text] : unfinished_)
    if (!text.empty()) take(rank, text);
  unfinished_.clear();
  show_until(Clock::time_point::max());
}

}  // namespace polaris
