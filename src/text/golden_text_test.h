#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"

namespace polaris {

/// The whole file tests/golden/<path>.
inline std::string golden_file(const std::string& path) {
  std::ifstream file(std::string(POLARIS_GOLDEN_DIR) + "/" + path, std::ios::binary);
  EXPECT_TRUE(file) << "cannot read " << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One JSON value per line of tests/golden/<path>, keys in the order of the file.
inline std::vector<OrderedJson> golden_lines(const std::string& path) {
  std::istringstream lines(golden_file(path));
  std::vector<OrderedJson> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(OrderedJson::parse(line));
  EXPECT_FALSE(rows.empty());
  return rows;
}

/// A text of golden/reward: a string, {"text"}, {"repeat_word", "count"} or {"text_file"}.
inline std::string golden_reward_text(const OrderedJson& text) {
  if (text.is_string()) return text.get<std::string>();
  if (text.contains("text_file"))
    return golden_file("reward/" + text["text_file"].get<std::string>());
  if (text.contains("text")) return text["text"].get<std::string>();
  std::string repeated;
  for (int i = 0; i < text["count"].get<int>(); ++i) {
    if (i > 0) repeated += ' ';
    repeated += text["repeat_word"].get<std::string>();
  }
  return repeated;
}

/// The cases of golden/reward/cases.jsonl for one function of the reference.
inline std::vector<OrderedJson> golden_reward_cases(const std::string& function) {
  std::vector<OrderedJson> cases;
  for (OrderedJson& row : golden_lines("reward/cases.jsonl")) {
    if (row["function"] == function) cases.push_back(std::move(row));
  }
  EXPECT_FALSE(cases.empty());
  return cases;
}

}  // namespace polaris
