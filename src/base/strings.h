#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace polaris {

/// Without leading and trailing ASCII white space.
std::string_view trim(std::string_view text);

/// The pieces between separators; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

std::string join(std::span<const std::string> parts, std::string_view separator);

/// Levenshtein distance in bytes: insertions, deletions, substitutions.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate closest to `word` if it is close enough to be a slip of the hand, else "".
/// Used for "did you mean".
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// At most `max_characters` UTF-8 characters; what is too long ends in "…", which counts. Bytes
/// that are not UTF-8 are safe here, and bounded.
std::string shorten(std::string_view text, std::size_t max_characters);

/// Short human forms: "1.5 GB", "2 ms", "42 s", "3 min 20 s", "2 h 05 min".
std::string human_bytes(double bytes);
std::string human_seconds(double seconds);

}  // namespace polaris
