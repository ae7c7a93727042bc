// Small learners, what they are given, and what they have saved.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/temp_folder.h"
#include "nn/torch_learner.h"

namespace polaris::nn {

inline TorchLearnerOptions options_for(const std::filesystem::path& model) {
  return {.model = {.path = model.string()},
          .optimizer = {.lr = 1e-3},
          .device = {.name = "cpu", .threads = 1}};
}

/// Rows of random tokens, for a vocabulary of 320.
inline std::vector<Row> random_rows(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<Row> rows(count);
  for (Row& row : rows) {
    row.prompt_tokens.resize(1 + random() % 9);
    row.response_tokens.resize(1 + random() % 60);
    for (auto* tokens : {&row.prompt_tokens, &row.response_tokens}) {
      for (TokenId& token : *tokens) token = static_cast<TokenId>(random() % 320);
    }
    row.advantage = static_cast<double>(random() % 2001) / 1000.0 - 1.0;
  }
  return rows;
}

/// Every file below a folder, with its content.
inline std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[std::filesystem::relative(entry.path(), folder).string()] = {
        std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

/// Everything that a learner saves.
inline std::map<std::string, std::string> state_of(const TorchLearner& learner) {
  const TempFolder temp;
  learner.save(temp.path());
  return contents(temp.path());
}

}  // namespace polaris::nn
