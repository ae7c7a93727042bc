#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/story_encoder.h"
#include "rl/types.h"
#include "train/run_config.h"

namespace polaris {

/// Stories as supervised rows: the prompt is read, plan and story are learned (advantage 1).
struct SupervisedStories {
  std::vector<Row> train;
  std::vector<Row> holdout;  ///< only measure the loss
  std::size_t cut = 0;       ///< were longer than sft.max_tokens: they lost their end
  std::size_t dropped = 0;   ///< prompt too long or refused, or not one paragraph fits
};

struct SupervisedLimits {
  std::int64_t max_prompt_tokens = 256;
  std::int64_t max_tokens = 8192;  ///< of prompt and response together
  double holdout = 0.05;
};

/// Reads the records of `sft.data`. A story that is too long ends at the last paragraph that fits,
/// without the end of turn: the model does not learn to stop there. The last share of the file is
/// held out, so that what belongs together stands together.
/// @throws Error{kInvalidData} for a faulty record (StoryReader), one without a story, or if
///         nothing is left to train on; Error{kIo}
SupervisedStories load_supervised_stories(const std::filesystem::path& file,
                                          const StoryEncoder& encoder,
                                          const SupervisedLimits& limits);

/// Rows of each update of one epoch: in the order of a permutation seeded by `seed`, each update
/// closed by the row that reaches `batch_tokens` (prompt and response).
std::vector<std::vector<std::size_t>> supervised_batches(const std::vector<Row>& rows,
                                                         std::int64_t batch_tokens,
                                                         std::uint32_t seed);

}  // namespace polaris
