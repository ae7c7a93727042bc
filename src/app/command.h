#pragma once

namespace CLI {
class App;
}

namespace polaris {

/// Ends the program with this exit code; what there was to say has been said.
struct ExitStatus {
  int code;
};

/// Each subcommand is one file with one of these: it declares its options on `app` and hangs its
/// body on the subcommand's callback. Bodies parse, build the parts, call the library.
void add_train_command(CLI::App& app);
void add_sft_command(CLI::App& app);
void add_demo_command(CLI::App& app);
void add_ablate_command(CLI::App& app);
void add_update_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_write_command(CLI::App& app);
void add_logprobs_command(CLI::App& app);
void add_tokens_command(CLI::App& app);
void add_score_command(CLI::App& app);
void add_judge_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_model_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_config_command(CLI::App& app);

/// `polaris model merge`, on the app of `polaris model`.
void add_merge_command(CLI::App& model);

}  // namespace polaris
