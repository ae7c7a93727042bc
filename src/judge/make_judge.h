#pragma once

#include <functional>
#include <memory>
#include <string>

#include "judge/judge.h"
#include "judge/judgement.h"

namespace polaris {

/// The judge that a configuration names, with its panel, its repeats and its record:
///
///   lexical  text statistics
///   replay   the answers of judge.replay
///   http     an LLM, through the stored answers, the budget and the retries
///   none     nobody: replies have neither verdict nor failure
///
/// @param setup  borrowed for the judge's life
/// @param note   gets a line for people now and then (an old price); may be empty
/// @throws Error{kInvalidConfig} for a key that is not in the environment, a budget without prices;
///         Error{kIo, kInvalidData} for files that cannot be read
std::unique_ptr<Judge> make_judge(const JudgeConfig& config, const JudgeSetup& setup,
                                  const std::function<void(const std::string&)>& note = {});

}  // namespace polaris
