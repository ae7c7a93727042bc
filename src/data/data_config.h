#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace polaris {

struct DataConfig {
  std::string train = "data/starter/train.jsonl";
  std::string validation = "data/starter/val.jsonl";
  std::int64_t prompts_per_step = 8;
  std::int64_t max_prompt_tokens = 256;
  std::int64_t max_response_tokens = 8192;
  std::int64_t shuffle_seed = 3479;
  bool drop_last = true;

  void fields(FieldList& list);
};

}  // namespace polaris
