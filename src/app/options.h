#pragma once

#include <string>
#include <vector>

#include "base/config.h"

namespace CLI {
class App;
}

namespace polaris {

/// A configuration as the command line gives it: a file (optional) and --set on top of it.
struct ConfigOptions {
  std::string file;
  std::vector<std::string> overrides;

  /// Declares `--set` and its short forms `--seed`, `--threads`, `--device`; the file is the
  /// command's own positional or option.
  void add_set(CLI::App& command);

  /// Declares an option that is short for `--set key=VALUE`.
  void add_short_form(CLI::App& command, const char* flag, const char* key, const char* help);

  /// @throws Error{kIo, kInvalidConfig}
  ConfigSource source() const;

  /// What one would type to run `command` with them again.
  std::string command_line(const std::string& command, const std::string& run_dir) const;
};

struct RunConfig;

/// Tells the person which keys they set in vain, one line each.
void print_keys_without_effect(RunConfig& config);

}  // namespace polaris
