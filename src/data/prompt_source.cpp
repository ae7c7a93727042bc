#include "data/prompt_source.h"

#include <utility>

namespace polaris {

PromptSource::PromptSource(std::vector<Prompt> prompts, const DataConfig& config)
    : prompts_(std::move(prompts)),
      order_{.records = prompts_.size(),
             .per_step = static_cast<std::size_t>(config.prompts_per_step),
             .seed = static_cast<std::uint32_t>(config.shuffle_seed),
             .drop_last = config.drop_last} {
  (void)order_.steps_per_epoch();  // throws if an epoch has no step
}

std::vector<Prompt> PromptSource::of(std::int64_t step) const {
  std::vector<Prompt> prompts;
  for (const std::size_t record : order_.records_of(step)) prompts.push_back(prompts_[record]);
  return prompts;
}

}  // namespace polaris
