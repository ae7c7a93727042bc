#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/command.h"
#include "app/options.h"
#include "train/run_config.h"

namespace polaris {
namespace {

void show(const ConfigOptions& options) {
  auto config = read_config<RunConfig>(options.source());
  RunConfig defaults;
  std::cout << show_config(list_fields(config), list_fields(defaults));
}

void check(const ConfigOptions& options) {
  const ConfigSource source = options.source();
  auto config = read_config<RunConfig>(source);
  print_keys_without_effect(config);
  std::cout << source.name() << ": ok, " << source.values().size() << " of "
            << list_fields(config).all().size() << " keys set\n";
}

}  // namespace

void add_config_command(CLI::App& app) {
  CLI::App* config = app.add_subcommand("config", "Show or check a configuration");
  config->require_subcommand(1);

  auto shown = std::make_shared<ConfigOptions>();
  CLI::App* show_command = config->add_subcommand(
      "show", "Print every key with its value and help; what differs from the default is marked");
  show_command->add_option("file", shown->file, "TOML file; without one, the defaults");
  shown->add_set(*show_command);
  show_command->footer("Example: polaris config show configs/polaris_9b.toml --set train.steps=20");
  show_command->callback([shown] { show(*shown); });

  auto checked = std::make_shared<ConfigOptions>();
  CLI::App* check_command = config->add_subcommand(
      "check", "Check keys, types and ranges, and name keys that have no effect");
  check_command->add_option("file", checked->file, "TOML file")->required();
  checked->add_set(*check_command);
  check_command->footer("Example: polaris config check my_run.toml");
  check_command->callback([checked] { check(*checked); });
}

}  // namespace polaris
