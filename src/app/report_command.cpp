#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "app/command.h"
#include "train/report.h"

namespace polaris {
namespace {

void report(const std::string& run_dir) {
  for (const std::string& note : write_report(run_dir)) std::cout << "note: " << note << '\n';
  std::cout << (std::filesystem::path(run_dir) / "report.html").string() << '\n';
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto run_dir = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("report", "Write report.html from the files of a run directory");
  command->add_option("run_dir", *run_dir, "folder of the run; it may be under way")->required();
  command->footer("Example: polaris report runs/demo");
  command->callback([run_dir] { report(*run_dir); });
}

}  // namespace polaris
