#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <thread>

#include "app/command.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "base/strings.h"
#include "weights/merged_checkpoint.h"

namespace polaris {
namespace {

struct MergeArgs {
  std::string base;
  std::string adapter;
  std::string out;
  std::size_t threads = 0;
};

void merge(const MergeArgs& args) {
  constexpr std::int64_t kMegabyte = 1'000'000;
  const ModelFolder base(args.base);
  const PeftAdapter adapter(args.adapter, base);
  const std::int64_t bytes = 4 * parameter_count(base.config());
  watch_for_interrupt();
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  TaskPool pool(args.threads == 0 ? cores : args.threads);
  const SystemClock clock;
  const auto now = [&] { return clock.steady_s(); };
  {
    Progress progress(std::cerr, style_for(STDERR_FILENO), now,
                      {.label = "merging", .total = bytes / kMegabyte, .unit = "MB"});
    std::int64_t shown_mb = 0;
    write_merged_checkpoint(base, adapter, args.out, pool, [&](std::uint64_t done) {
      if (interrupt_requested())
        throw Error(ErrorCode::kInterrupted,
                    fmt::format("stopped; what is in {} is no model, remove it", args.out));
      const std::int64_t mb = static_cast<std::int64_t>(done) / kMegabyte;
      progress.advance(mb - shown_mb);
      shown_mb = mb;
    });
  }
  std::cout << fmt::format("{}: {} with {} adapters of rank {}, {} in float32\n", args.out,
                           args.base, adapter.layout().targets.size(), adapter.layout().rank,
                           human_bytes(static_cast<double>(bytes)));
}

}  // namespace

void add_merge_command(CLI::App& model) {
  auto args = std::make_shared<MergeArgs>();
  CLI::App* command = model.add_subcommand(
      "merge", "Write a model with its LoRA adapter added to the weights, in float32");
  command->add_option("base", args->base, "HF checkpoint folder that the adapter belongs to")
      ->required();
  command->add_option("adapter", args->adapter, "PEFT folder")->required();
  command->add_option("--out", args->out, "new or empty folder")->required();
  command->add_option("--threads", args->threads, "CPU threads; 0 = all cores");
  command->footer(
      "Never in bfloat16: an adapter moves weights by less than its steps.\n"
      "Example: polaris model merge models/Qwen3.5-9B runs/r/checkpoints/best/adapter --out "
      "merged");
  command->callback([args] { merge(*args); });
}

}  // namespace polaris
