#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "app/command.h"
#include "app/options.h"
#include "app/record_files.h"
#include "base/json_lists.h"
#include "nn/policy.h"
#include "train/run_config.h"

namespace polaris {
namespace {

struct LogprobsArgs {
  ConfigOptions config;
  std::string model;
  RecordFiles files;
};

/// What one record asks for.
struct Sequence {
  std::vector<TokenId> tokens;
  std::int64_t start = 1;

  explicit Sequence(const Record& record) {
    const OrderedJson* list = record.find("tokens");
    if (list == nullptr) throw record.refused("\"tokens\" is missing");
    tokens = token_ids_from_json(*list, fmt::format("{}: \"tokens\"", record.place()));
    if (const OrderedJson* number = record.find("start")) {
      if (!number->is_number_integer()) throw record.refused("\"start\" is not a whole number");
      start = number->get<std::int64_t>();
    }
  }

  ScoreRequest request() const { return {.tokens = tokens, .start = start}; }
};

void score(const Policy& policy, std::int64_t microbatch_tokens, std::span<Record> records) {
  std::vector<Sequence> sequences;
  std::vector<ScoreRequest> requests;
  sequences.reserve(records.size());
  for (const Record& record : records) {
    sequences.emplace_back(record);
    requests.push_back(sequences.back().request());
    try {
      policy.check(requests.back());
    } catch (const Error& e) {
      throw e.within(record.place());
    }
  }
  const auto scores = policy.score(requests, 1.0, microbatch_tokens);
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].remove("tokens");
    records[i].remove("start");
    records[i].set("logprobs", scores[i].logprobs);
    records[i].set("entropy", scores[i].entropies);
  }
}

void logprobs(const LogprobsArgs& args) {
  const auto config = read_config<RunConfig>(args.config.source());
  const std::int64_t microbatch_tokens = config.learner.microbatch_tokens > 0
                                             ? config.learner.microbatch_tokens
                                             : kScoreMicrobatchTokens;
  const Policy policy = Policy::load(args.model, config.model.compute_dtype, config.device,
                                     config.model.lora.adapter);
  // Several micro-batches at a time, so that short sequences fill them well.
  args.files.for_batches(
      "scoring", 8 * microbatch_tokens,
      [](const Record& record) {
        return static_cast<std::int64_t>(Sequence(record).tokens.size());
      },
      [&](std::span<Record> records) { score(policy, microbatch_tokens, records); });
}

}  // namespace

void add_logprobs_command(CLI::App& app) {
  auto args = std::make_shared<LogprobsArgs>();
  CLI::App* command = app.add_subcommand(
      "logprobs", "Log-probability and entropy of every token of given sequences");
  command->add_option("--model", args->model, "HF checkpoint folder")->required();
  args->files.add_options(*command);
  args->config.add_short_form(*command, "--adapter", "model.lora.adapter",
                              "PEFT folder of an adapter on the model");
  command->add_option("--config", args->config.file, "TOML file of a run");
  args->config.add_set(*command);
  command->footer(
      "Example: polaris logprobs --model M --in tokens.jsonl --out scores.jsonl\n"
      "A record is {\"id\", \"tokens\": [..], \"start\": 1} and becomes {\"id\", \"logprobs\": "
      "[..], \"entropy\": [..]}\nwith logprobs[i] = log p(tokens[start + i] | tokens before it), "
      "in nats at temperature 1.");
  command->callback([args] { logprobs(*args); });
}

}  // namespace polaris
