#include "train/batch_record.h"

#include <cmath>

#include "base/error.h"
#include "base/json_lists.h"

namespace polaris {
namespace {

constexpr auto kReference = "reference";
constexpr auto kPolicy = "policy";

/// A field that must be there.
const Json& need(const Json& object, const char* key, std::string_view where) {
  const auto found = object.find(key);
  if (found == object.end())
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: \"{}\" is missing", where, key));
  return *found;
}

std::vector<float> logprobs(const Json& row, const char* key, const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return {};
  return floats_from_json(*found, fmt::format("{}: \"{}\"", where, key));
}

Origin origin(const Json& row, std::string_view where) {
  const auto found = row.find("origin");
  if (found == row.end() || *found == kPolicy) return Origin::kPolicy;
  if (*found == kReference) return Origin::kReference;
  throw Error(ErrorCode::kInvalidData,
              fmt::format("{}: \"origin\" is neither \"policy\" nor \"reference\"", where));
}

/// Absent in records of other programs: all rows are then of one group.
std::size_t group(const Json& row, std::string_view where) {
  const auto found = row.find("group");
  if (found == row.end()) return 0;
  if (found->is_number_unsigned()) return found->get<std::size_t>();
  throw Error(ErrorCode::kInvalidData,
              fmt::format("{}: \"group\" is not a whole number from 0 on", where));
}

Row parse_row(const Json& row, const std::string& where) {
  if (!row.is_object())
    throw Error(ErrorCode::kInvalidData, fmt::format("{} is not an object", where));
  const Json& advantage = need(row, "advantage", where);
  if (!advantage.is_number() || !std::isfinite(advantage.get<double>()))
    throw Error(ErrorCode::kInvalidData, fmt::format("{}: \"advantage\" is not a number", where));
  const auto tokens = [&](const char* key) {
    return token_ids_from_json(need(row, key, where), fmt::format("{}: \"{}\"", where, key));
  };
  return {.origin = origin(row, where),
          .group = group(row, where),
          .prompt_tokens = tokens("prompt_tokens"),
          .response_tokens = tokens("response_tokens"),
          .advantage = advantage.get<double>(),
          .old_logprobs = logprobs(row, "old_logprobs", where),
          .sampler_logprobs = logprobs(row, "sampler_logprobs", where)};
}

}  // namespace

Json batch_record(const std::vector<Row>& rows) {
  Json list = Json::array();
  for (const Row& row : rows) {
    Json json = {{"origin", row.origin == Origin::kPolicy ? kPolicy : kReference},
                 {"group", row.group},
                 {"prompt_tokens", row.prompt_tokens},
                 {"response_tokens", row.response_tokens},
                 {"advantage", row.advantage}};
    if (!row.old_logprobs.empty()) json["old_logprobs"] = row.old_logprobs;
    if (!row.sampler_logprobs.empty()) json["sampler_logprobs"] = row.sampler_logprobs;
    list.push_back(std::move(json));
  }
  return {{"rows", std::move(list)}};
}

std::vector<Row> parse_batch_record(const Json& record, std::string_view place) {
  if (!record.is_object() || !record.contains("rows") || !record["rows"].is_array())
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: the line does not hold an object with a list \"rows\"", place));
  std::vector<Row> rows;
  for (const Json& row : record["rows"])
    rows.push_back(parse_row(row, fmt::format("{}: row {}", place, rows.size())));
  return rows;
}

}  // namespace polaris
