#include "train/sft.h"

#include "base/error.h"
#include "rl/loss.h"

namespace polaris {
namespace {

/// Which rows each update sees: a function of the step alone, so a resumed run needs no more.
class Epochs {
 public:
  Epochs(const RunConfig& config, const std::vector<Row>& rows)
      : rows_(rows),
        batch_tokens_(config.sft.batch_tokens),
        seed_(static_cast<std::uint32_t>(config.data.shuffle_seed)) {}

  Batch batch_of(std::int64_t step) {
    while (step > first_step_ + static_cast<std::int64_t>(batches_.size()) - 1) begin_next();
    Batch batch;
    for (const std::size_t row : batches_[static_cast<std::size_t>(step - first_step_)])
      batch.rows.push_back(rows_[row]);
    normalise(batch, Normaliser::kTokenMean);
    return batch;
  }

 private:
  void begin_next() {
    first_step_ += static_cast<std::int64_t>(batches_.size());
    batches_ = supervised_batches(rows_, batch_tokens_, seed_++);
  }

  const std::vector<Row>& rows_;
  const std::int64_t batch_tokens_;
  std::uint32_t seed_;
  std::int64_t first_step_ = 1;
  std::vector<std::vector<std::size_t>> batches_;
};

}  // namespace

std::int64_t sft_steps(const RunConfig& config, const SupervisedStories& stories) {
  if (config.train.steps > 0) return config.train.steps;
  std::int64_t steps = 0;
  for (std::int64_t epoch = 0; epoch < config.sft.epochs; ++epoch)
    steps += static_cast<std::int64_t>(
        supervised_batches(stories.train, config.sft.batch_tokens,
                           static_cast<std::uint32_t>(config.data.shuffle_seed + epoch))
            .size());
  return steps;
}

void run_sft(const RunConfig& config, SftStages stages) {
  RunDirectory& run = stages.run;
  const std::int64_t last = sft_steps(config, stages.stories);
  const std::int64_t done = run.resume(stages.learner, RunJournals::kMetricsOnly);
  Epochs epochs(config, stages.stories.train);

  if (done == 0 && config.train.validate_first) {
    StepLog log(0, stages.clock);
    log.timed("step", [&] { log.set("sft/holdout_loss", stages.holdout_loss()); });
    run.write_metrics(log, last);
  }
  for (std::int64_t step = done + 1; step <= last; ++step) {
    if (stages.interrupted()) {
      run.save_checkpoint(step - 1, stages.learner);
      throw Error(ErrorCode::kInterrupted, fmt::format("stopped after step {}", step - 1));
    }
    StepLog log(step, stages.clock);
    const double start_s = stages.clock.steady_s();
    log.timed("step", [&] {
      const UpdateStats update =
          log.timed("update_actor", [&] { return stages.learner.update(epochs.batch_of(step)); });
      log.set("training/global_step", static_cast<double>(step));
      log.set("sft/loss", update.loss);
      log.set("actor/lr", update.learning_rate);
      log.set("actor/grad_norm", update.grad_norm);
      log.set("actor/entropy", update.entropy);
      log.set("perf/total_num_tokens", static_cast<double>(update.response_tokens));
      log.set("perf/throughput",
              static_cast<double>(update.response_tokens) / (stages.clock.steady_s() - start_s));
      log.set("update/skipped", update.skipped ? 1.0 : 0.0);
      log.set("update/rows", static_cast<double>(update.rows));
      if (is_due(step, config.train.validate_every, last))
        log.timed("testing", [&] { log.set("sft/holdout_loss", stages.holdout_loss()); });
    });
    run.write_metrics(log, last);
    run.finish_step(step, last, std::nullopt, stages.learner);
  }
}

}  // namespace polaris
