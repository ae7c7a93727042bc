#pragma once

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "base/json.h"
#include "base/temp_folder.h"

namespace polaris {

/// What a command of the built program left behind.
struct BinaryResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs `polaris` with these arguments (no single quotes in them) and `input` on standard input.
inline BinaryResult run_polaris(const std::vector<std::string>& arguments,
                                const std::string& input = "") {
  const TempFolder folder;
  std::ofstream(folder / "in", std::ios::binary) << input;
  std::string line = fmt::format("'{}'", POLARIS_BINARY);
  for (const std::string& argument : arguments) line += fmt::format(" '{}'", argument);
  line += fmt::format(" <'{0}/in' >'{0}/out' 2>'{0}/err'", folder.path().string());
  const int status = std::system(line.c_str());
  const auto content = [&](const char* name) { return real_file_system().read(folder / name); };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content("out"), content("err")};
}

inline void put_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// The records of a JSON lines text, keys in their order.
inline std::vector<OrderedJson> lines_of(const std::string& text) {
  std::vector<OrderedJson> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(OrderedJson::parse(text.substr(begin, end - begin)));
    begin = end == std::string::npos ? end : end + 1;
  }
  return lines;
}

inline std::string golden_text(const std::string& path) {
  return real_file_system().read(std::string(POLARIS_GOLDEN_DIR) + "/" + path);
}

}  // namespace polaris
