#include "base/ranks.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/json.h"

namespace polaris {
namespace {

// The first byte of what travels says whether the work succeeded.
constexpr char kDone = '+';
constexpr char kFailed = '-';

std::string message_of(const Error& error) {
  return kFailed + Json{{"code", static_cast<int>(error.code())}, {"what", error.what()}}.dump(
                       -1, ' ', false, Json::error_handler_t::replace);
}

/// The same words on all ranks, so that a launcher need not repeat them.
Error error_in(std::string_view message, std::size_t rank) {
  const Json json = Json::parse(message.substr(1));
  const Error error(static_cast<ErrorCode>(json.at("code").get<int>()),
                    json.at("what").get<std::string>());
  return rank == 0 ? error : error.within(fmt::format("rank {}", rank));
}

}  // namespace

std::string Ranks::from_first(std::string_view bytes) {
  return all_gather(is_first() ? bytes : std::string_view()).front();
}

void Ranks::all_reduce_sum(std::span<double> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  std::ranges::fill(values, 0.0);
  for (const std::string& part : all_gather(bytes)) {
    POLARIS_CHECK(part.size() == values.size_bytes(), "ranks passed different counts");
    for (std::size_t i = 0; i < values.size(); ++i) {
      double value = 0.0;
      std::memcpy(&value, part.data() + i * sizeof value, sizeof value);
      values[i] += value;
    }
  }
}

Share share_of(const Ranks& ranks, std::size_t total) {
  const auto rank = static_cast<std::size_t>(ranks.rank());
  const auto size = static_cast<std::size_t>(ranks.size());
  return {total * rank / size, total * (rank + 1) / size};
}

std::vector<std::string> jointly(Ranks& ranks, const std::function<std::string()>& work) {
  if (ranks.size() == 1) return {work()};
  std::string outcome;
  try {
    outcome = kDone + work();
  } catch (const Error& error) {
    outcome = message_of(error);
  } catch (const std::exception& error) {
    outcome = message_of(Error(ErrorCode::kInternal, error.what()));
  }
  std::vector<std::string> outcomes = ranks.all_gather(outcome);
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    if (outcomes[rank].front() == kFailed) throw JointError(error_in(outcomes[rank], rank));
    outcomes[rank].erase(0, 1);
  }
  return outcomes;
}

}  // namespace polaris
