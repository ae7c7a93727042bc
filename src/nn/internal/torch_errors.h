#pragma once

#include <c10/util/Exception.h>

#include <string_view>

#include "base/error.h"

namespace polaris::nn {

/// Runs `work`; libtorch's exceptions leave it as Error. Public functions of nn/ go through here,
/// so that nobody else needs to know that c10::Error exists.
/// @param doing    what it was about, "updating the policy"
/// @param remedy   what to change where memory is short, "lower learner.microbatch_tokens"
template <class Work>
auto translating(std::string_view doing, std::string_view remedy, Work&& work) {
  try {
    return work();
  } catch (const c10::Error& e) {
    const std::string_view text = e.what_without_backtrace();
    // The CPU's allocator has no type of its own for this.
    const bool is_memory = dynamic_cast<const c10::OutOfMemoryError*>(&e) != nullptr ||
                           text.find("allocate memory") != std::string_view::npos;
    if (is_memory)
      throw Error(ErrorCode::kOutOfMemory,
                  fmt::format("{}: out of memory; {} ({})", doing, remedy, text));
    throw Error(ErrorCode::kInternal, fmt::format("{}: {}", doing, text));
  }
}

}  // namespace polaris::nn
