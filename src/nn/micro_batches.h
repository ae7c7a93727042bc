#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace polaris {

/// Puts sequences together for one forward and backward pass each: longest first, each into the
/// first micro-batch that has room for it. A sequence longer than the budget is alone.
/// @param tokens  of every sequence
/// @param budget  tokens of a micro-batch, above 0
/// @return        indices into `tokens`; a function of the arguments only
std::vector<std::vector<std::size_t>> make_micro_batches(std::span<const std::int64_t> tokens,
                                                         std::int64_t budget);

/// Gives every sequence to one of the ranks: longest first, each to the one with the least to do,
/// the first of equals.
/// @param tokens  of every sequence
/// @param load    [ranks] tokens that each has already; grows by what it gets
/// @return        the rank of every sequence; a function of the arguments only
std::vector<int> deal(std::span<const std::int64_t> tokens, std::span<std::int64_t> load);

}  // namespace polaris
