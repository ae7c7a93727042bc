// What a learner has saved, to be compared.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "base/temp_folder.h"
#include "nn/torch_learner.h"

namespace polaris::nn {

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
