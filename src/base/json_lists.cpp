#include "base/json_lists.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace polaris {
namespace {

Error refused(std::string_view what, std::string_view reason) {
  return {ErrorCode::kInvalidData, fmt::format("{} {}", what, reason)};
}

template <class AnyJson>
std::vector<TokenId> token_ids(const AnyJson& list, std::string_view what) {
  if (!list.is_array()) throw refused(what, "is not a list of token ids");
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const AnyJson& entry : list) {
    const bool is_id = entry.is_number_unsigned() &&
                       entry.template get<std::uint64_t>() <= std::numeric_limits<TokenId>::max();
    if (!is_id)
      throw refused(fmt::format("{}[{}]", what, ids.size()),
                    "is not a token id, a whole number from 0");
    ids.push_back(entry.template get<TokenId>());
  }
  return ids;
}

}  // namespace

std::vector<TokenId> token_ids_from_json(const Json& list, std::string_view what) {
  return token_ids(list, what);
}

std::vector<TokenId> token_ids_from_json(const OrderedJson& list, std::string_view what) {
  return token_ids(list, what);
}

std::vector<float> floats_from_json(const Json& list, std::string_view what) {
  if (!list.is_array()) throw refused(what, "is not a list of numbers");
  std::vector<float> values;
  values.reserve(list.size());
  for (const Json& entry : list) {
    const bool is_float =
        entry.is_number() && std::abs(entry.get<double>()) <= std::numeric_limits<float>::max();
    if (!is_float) throw refused(fmt::format("{}[{}]", what, values.size()), "is not a number");
    values.push_back(entry.get<float>());
  }
  return values;
}

}  // namespace polaris
