#include "data/data_config.h"

namespace polaris {

void DataConfig::fields(FieldList& list) {
  list("train", train, "JSONL of prompts with reference stories");
  list("validation", validation, "the same, held out");
  list("prompts_per_step", prompts_per_step, "groups per update",
       {.range = between(1, 65536, "an update needs a prompt")});
  list("max_prompt_tokens", max_prompt_tokens,
       "longest rendered prompt; longer records are dropped and counted",
       {.range = at_least(1, "it counts tokens")});
  list("max_response_tokens", max_response_tokens, "longest response",
       {.range = at_least(1, "it counts tokens")});
  list("shuffle_seed", shuffle_seed, "epoch e is shuffled by shuffle_seed + e",
       {.range = between(0, 4294967295.0, "the generator takes 32 bits")});
  list("drop_last", drop_last, "leave out the short step at the end of an epoch");
}

}  // namespace polaris
