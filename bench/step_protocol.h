// What the programs share that are timed by another (bench/nn_peers.py, bench/decode_bars.py,
// bench/grpo_bars.py): each answers requests, a line each, with lines of JSON: wall_s and cpu_s
// (all threads of the process), peak_rss [bytes] and what the request adds.
#pragma once

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/token_id.h"
#include "nn/learner_config.h"
#include "nn/policy_config.h"

namespace polaris {

using Sequence = std::vector<TokenId>;
using Clock = std::chrono::steady_clock;

inline const DeviceConfig kOneThread = {.name = "cpu", .threads = 1};

class Stopwatch {
 public:
  Json read() const {
    const std::chrono::duration<double> wall = Clock::now() - wall_;
    return {{"wall_s", wall.count()},
            {"cpu_s", static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC}};
  }

 private:
  Clock::time_point wall_ = Clock::now();
  std::clock_t cpu_ = std::clock();
};

inline std::int64_t peak_rss() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

inline std::vector<Sequence> read_sequences(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::kIo, fmt::format("{}: cannot be read", path));
  std::vector<Sequence> sequences;
  for (std::string line; std::getline(file, line);) {
    std::istringstream ids(line);
    sequences.emplace_back(std::istream_iterator<TokenId>(ids), std::istream_iterator<TokenId>());
  }
  return sequences;
}

/// What is left of a request after its first word.
class Arguments {
 public:
  explicit Arguments(std::string line) : line_(std::move(line)), words_(line_) {
    words_ >> request_;
  }

  const std::string& request() const { return request_; }

  std::string word() { return next<std::string>(); }

  ComputeDtype dtype() {
    const std::string word = this->word();
    if (word == "float32") return ComputeDtype::kFloat32;
    if (word == "bfloat16") return ComputeDtype::kBfloat16;
    throw misread();
  }

  std::int64_t number() { return next<std::int64_t>(); }

  bool flag(const std::string& name) {
    std::string word;
    return words_ >> word && word == name;
  }

  Error misread() const {
    return {ErrorCode::kInvalidData, fmt::format("'{}' is not a request", line_)};
  }

 private:
  template <class T>
  T next() {
    T value;
    if (!(words_ >> value)) throw misread();
    return value;
  }

  std::string line_, request_;
  std::istringstream words_;
};

/// Answers the requests on standard input. @return the exit code
template <class Steps>
int serve(const char* name, int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << name << " MODEL FILE, requests on stdin (see bench/" << name
              << ".cpp)\n";
    return 2;
  }
  try {
    at::set_num_threads(1);
    Steps steps(argv[1], argv[2]);
    for (std::string line; std::getline(std::cin, line);) {
      Json answer = steps.answer(Arguments(line));
      answer["peak_rss"] = peak_rss();
      std::cout << answer.dump() << std::endl;
    }
  } catch (const Error& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 70;
  }
  return 0;
}

}  // namespace polaris
