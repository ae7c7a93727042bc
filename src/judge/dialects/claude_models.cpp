#include "judge/dialects/claude_models.h"

#include <charconv>
#include <optional>

#include "base/strings.h"

namespace polaris {
namespace {

/// A number of one or two digits: part of a version. A date is none.
std::optional<int> version_part(std::string_view piece) {
  int number = 0;
  const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), number);
  if (piece.size() > 2 || error != std::errc() || end != piece.data() + piece.size())
    return std::nullopt;
  return number;
}

}  // namespace

double claude_version(std::string_view model) {
  constexpr double kNewest = 1e9;
  const auto pieces = split(model.substr(0, model.find('@')), '-');  // Vertex: "...@20250514"
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto major = version_part(pieces[i]);
    if (!major) continue;
    const auto minor = i + 1 < pieces.size() ? version_part(pieces[i + 1]) : std::nullopt;
    return *major + minor.value_or(0) / 10.0;
  }
  return kNewest;
}

}  // namespace polaris
