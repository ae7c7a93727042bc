#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <new>

#include "app/command.h"
#include "app/version.h"
#include "base/error.h"

namespace {

int fail(polaris::ErrorCode code, const char* message) {
  std::cerr << "polaris: " << message << '\n';
  return static_cast<int>(code);
}

}  // namespace

int main(int argc, char** argv) {
  using polaris::ErrorCode;
  CLI::App app("Trains small language models to write long stories.", "polaris");
  app.require_subcommand(1);
  app.set_version_flag("--version", polaris::version_text);
  app.footer(
      "Examples:\n"
      "  polaris train configs/rehearsal.toml --run-dir runs/try --rehearsal\n"
      "  polaris data check data/starter/train.jsonl\n"
      "  polaris model info qwen3.5-9b --plan-for cuda:80GB\n"
      "  polaris config show configs/polaris_9b.toml\n"
      "polaris COMMAND --help explains one command.");
  polaris::add_demo_command(app);
  polaris::add_ablate_command(app);
  polaris::add_train_command(app);
  polaris::add_sft_command(app);
  polaris::add_update_command(app);
  polaris::add_generate_command(app);
  polaris::add_write_command(app);
  polaris::add_logprobs_command(app);
  polaris::add_tokens_command(app);
  polaris::add_score_command(app);
  polaris::add_judge_command(app);
  polaris::add_data_command(app);
  polaris::add_model_command(app);
  polaris::add_report_command(app);
  polaris::add_config_command(app);
  try {
    app.parse(argc, argv);  // runs the chosen subcommand's callback
    return EXIT_SUCCESS;
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::cerr << "polaris: " << e.what() << "\nRun polaris --help for usage.\n";
    return static_cast<int>(ErrorCode::kInvalidConfig);
  } catch (const polaris::ExitStatus& e) {
    return e.code;
  } catch (const polaris::Error& e) {
    return fail(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, "out of memory");
  } catch (const std::exception& e) {  // not ours, so a bug: nothing below lets foreign types out
    return fail(ErrorCode::kInternal, fmt::format("internal error: {}", e.what()).c_str());
  }
}
