#include "app/options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "train/run_config.h"

namespace polaris {

void ConfigOptions::add_set(CLI::App& command) {
  command
      .add_option_function<std::vector<std::string>>(
          "--set",
          [this](const std::vector<std::string>& assignments) {  // beside what short forms added
            overrides.insert(overrides.end(), assignments.begin(), assignments.end());
          },
          "override one key: --set hri.peak_weight=0.2 (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  add_short_form(command, "--seed", "seed", "of every random stream");
  add_short_form(command, "--threads", "device.threads", "CPU threads; 0 = all cores");
  add_short_form(command, "--device", "device.name", "auto | cpu | cuda:N");
}

void ConfigOptions::add_short_form(CLI::App& command, const char* flag, const char* key,
                                   const char* help) {
  command.add_option_function<std::string>(
      flag,
      [this, key](const std::string& value) {
        overrides.push_back(fmt::format("{}={}", key, value));
      },
      help);
}

void print_keys_without_effect(RunConfig& config) {
  RunConfig defaults;
  for (const std::string& line : keys_without_effect(list_fields(config), list_fields(defaults)))
    std::cout << "note: " << line << '\n';
}

ConfigSource ConfigOptions::source() const {
  ConfigSource source = file.empty() ? ConfigSource{} : ConfigSource::from_file(file);
  for (const std::string& assignment : overrides) source.set(assignment);
  return source;
}

std::string ConfigOptions::command_line(const std::string& command,
                                        const std::string& run_dir) const {
  std::string line = fmt::format("polaris {} {} --run-dir {}", command, file, run_dir);
  for (const std::string& setting : overrides) line += fmt::format(" --set {}", setting);
  return line;
}

}  // namespace polaris
