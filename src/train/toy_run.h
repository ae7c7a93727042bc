#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "judge/fake_judge.h"
#include "nn/fake_learner.h"
#include "train/recipe.h"

namespace polaris {

/// A run of the real recipe with stand-ins at its seams (nn/toy_policy.h), for rehearsals and
/// tests: the parts that a caller wants different are set before start().
struct ToyRun {
  RunConfig config;
  std::filesystem::path run_dir;
  std::vector<Prompt> prompts;
  std::vector<Prompt> validation_prompts;
  FileSystem* files = &real_file_system();
  std::ostream* terminal = nullptr;
  std::function<bool()> interrupted = [] { return false; };
  std::function<std::optional<Rollout>(const Prompt&)> encode_reference = toy_reference;
  FakeJudge::Fault judge_fault;
  std::function<void(const Batch&)> on_batch;  ///< sees every update before it is made
  Ranks* ranks = nullptr;  ///< that share sampling and scoring, each with a ToyRun; null: none

  /// One start of the program: runs to the last step, or throws what stops it.
  void start();

  // What the last start did.
  std::int64_t judge_calls = 0;
  double skill = 0.0;

  /// The toy human writes words around 85; which ones depends on the prompt only.
  static std::optional<Rollout> toy_reference(const Prompt& prompt);

  /// Made-up prompts with references, "<prefix>-0" ...
  static std::vector<Prompt> made_up_prompts(std::size_t count, const std::string& prefix);
};

}  // namespace polaris
