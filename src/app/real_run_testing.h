// A run of the real recipe on the shipped tiny model that takes about a second.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "app/binary_testing.h"

namespace polaris {

inline const std::string kTinyModel = POLARIS_SOURCE_DIR "/assets/tiny";

/// Prompts with references of some forty tokens.
inline std::string small_stories() {
  constexpr std::array<const char*, 4> kStories = {
      "The lamp went out. She laughed, and lit it again.",
      "He rode all night, and came home to an open door.",
      "Nobody had seen the sea there before. Now it stood at the gate.",
      "“Wait,” said the old man. The train did not wait."};
  std::string lines;
  for (std::size_t i = 0; i < kStories.size(); ++i)
    lines +=
        OrderedJson{{"uid", fmt::format("story-{}", i)},
                    {"prompt", fmt::format("Story {}, please. It should be 20 words long.", i)},
                    {"target_word_count", 20},
                    {"ground_truth_reasoning", "Short."},
                    {"story", kStories[i]}}
            .dump() +
        "\n";
  return lines;
}

/// Writes data and configuration into `folder`, and returns the configuration's path.
inline std::filesystem::path small_run_config(const std::filesystem::path& folder) {
  put_file(folder / "stories.jsonl", small_stories());
  put_file(folder / "run.toml", fmt::format(R"(
seed = 7
[model]
path = "{0}"
[data]
train = "{1}/stories.jsonl"
validation = "{1}/stories.jsonl"
prompts_per_step = 2
max_response_tokens = 64
[train]
steps = 4
checkpoint_every = 1
keep_checkpoints = 1
validate_every = 4
[rollout]
group_size = 3
[hri]
warmup_steps = 1
[optimizer]
lr = 1e-3
[validation]
max_new_tokens = 32
[guards]
patience = 0
[device]
threads = 1
)",
                                            kTinyModel, folder.string()));
  return folder / "run.toml";
}

/// Starts the program and sends it `signal` once `wait` returns; or another process in its place,
/// by `victim` of its number. @return the program's wait status
inline int start_and_signal(
    std::vector<std::string> arguments, int signal, const std::function<void()>& wait,
    const std::function<pid_t(pid_t program)>& victim = [](pid_t program) { return program; }) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (FILE* stream : {stdout, stderr}) {
      if (std::freopen("/dev/null", "w", stream) == nullptr) ::_exit(1);
    }
    arguments.insert(arguments.begin(), POLARIS_BINARY);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(POLARIS_BINARY, argv.data());
    ::_exit(1);
  }
  wait();
  if (const pid_t pid = victim(child); pid > 0) ::kill(pid, signal);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

/// Starts a run again and again and kills it each time, at a random moment of the time that it
/// takes undisturbed. One that is at its end by then is removed, so that the next begins anew.
/// @return how often it was killed
inline int kill_at_random_moments(const std::vector<std::string>& arguments,
                                  const std::filesystem::path& run_dir,
                                  std::chrono::steady_clock::duration undisturbed, int rounds,
                                  unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> share(0.0, 0.9);
  int killed = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto moment = share(random) * undisturbed;
    const int status =
        start_and_signal(arguments, SIGKILL, [&] { std::this_thread::sleep_for(moment); });
    killed += WIFSIGNALED(status) ? 1 : 0;
    if (!WIFSIGNALED(status)) std::filesystem::remove_all(run_dir);
  }
  return killed;
}

/// Content of every file below `folder`, one behind the other with its name.
inline std::string bytes_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::string bytes;
  for (const auto& path : paths)
    bytes += path.lexically_relative(folder).string() + "\n" + real_file_system().read(path) + "\n";
  return bytes;
}

}  // namespace polaris
