#include "app/options.h"

#include <CLI/CLI.hpp>

namespace polaris {

void ConfigOptions::add_set(CLI::App& command) {
  command
      .add_option("--set", overrides, "override one key: --set hri.peak_weight=0.2 (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

ConfigSource ConfigOptions::source() const {
  ConfigSource source = file.empty() ? ConfigSource{} : ConfigSource::from_file(file);
  for (const std::string& assignment : overrides) source.set(assignment);
  return source;
}

}  // namespace polaris
