#include "nn/sequence_check.h"

#include "base/error.h"

namespace polaris {

void check_tokens(std::span<const TokenId> tokens, std::int64_t vocab_size, std::string_view what) {
  if (tokens.empty())
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: there are no tokens", what));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= vocab_size)
      throw Error(ErrorCode::kInvalidData,
                  fmt::format("{}: token {} is {}, but the model has ids below {}; is it the right "
                              "model?",
                              what, i, tokens[i], vocab_size));
  }
}

}  // namespace polaris
