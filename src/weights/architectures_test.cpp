// The architectures that are shipped in assets/architectures/, against published numbers.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "weights/expected_tensors.h"

namespace polaris {
namespace {

const std::filesystem::path kFolder = POLARIS_SOURCE_DIR "/assets/architectures";

TEST(Architectures, HaveThePublishedNumberOfParameters) {
  // Qwen3.5: specs/qwen3_5.md 1. The others: what the files of the published checkpoints add up to,
  // as hubs and GGUF headers state it; a tied head counts once.
  const std::map<std::string, std::int64_t> expected = {
      {"qwen3.5-0.8b", 752'393'024},      {"qwen3.5-2b", 1'881'825'088},
      {"qwen3.5-4b", 4'205'751'296},      {"qwen3.5-9b", 8'953'803'264},
      {"qwen3.5-27b", 26'895'998'464},    {"qwen3-0.6b", 596'049'920},
      {"qwen3-1.7b", 1'720'574'976},      {"qwen3-4b", 4'022'468'096},
      {"qwen3-8b", 8'190'735'360},        {"llama-3.2-1b", 1'235'814'400},
      {"llama-3.2-3b", 3'212'749'824},    {"llama-3.1-8b", 8'030'261'248},
      {"mistral-7b-v0.3", 7'248'023'552}, {"mistral-nemo-12b", 12'247'782'400}};
  std::map<std::string, std::int64_t> counted;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".json")
      counted[entry.path().stem().string()] = parameter_count(read_model_config(entry.path()));
  }
  EXPECT_EQ(counted, expected);
}

TEST(Architectures, StandInTheSpellingThatWeWrite) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    EXPECT_EQ(make_config_json(read_model_config(entry.path())), read_json_file(entry.path()))
        << entry.path();
  }
}

TEST(Architectures, Qwen35StopsAtTheEndOfTurnAndOfText) {
  EXPECT_EQ(read_model_config(kFolder / "qwen3.5-9b.json").eos_token_ids,
            (std::vector<std::int64_t>{248046, 248044}));
}

}  // namespace
}  // namespace polaris
