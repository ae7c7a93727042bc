#!/usr/bin/env python3
"""The protocol of bench/grpo_step.cpp, answered by TRL's GRPOTrainer: trl_step.py MODEL PROMPTS.

Runs under .deps/peers/python (./dev setup peers). One thread, no vLLM. Every line asks for what the
first one says. `recompute` is TRL's gradient checkpointing, which is its default and slower; all
else that is not asked for is as TRL has it."""
import json
import os
import resource
import sys
import tempfile
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # read when torch is imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

warnings.simplefilter("ignore", FutureWarning)  # that others will have to be renamed

import datasets  # noqa: E402
import pyarrow  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
import trl  # noqa: E402
from transformers_step import Stopwatch  # noqa: E402

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()
MODEL, PROMPTS = sys.argv[1:]
ENDLESS = 1_000_000  # steps: until nobody asks


def vowels(completions, **_unused):
    """The reward: their share of the characters."""
    return [sum(text.count(c) for c in "aeiou") / max(1, len(text)) for text in completions]


class Trainer(trl.GRPOTrainer):
    """Knows how long the first half of a step took, and what was written."""

    def _generate_and_score_completions(self, inputs):
        watch = Stopwatch()
        batch = super()._generate_and_score_completions(inputs)
        self.answer = {
            "generate": watch.read(),
            "stories": len(batch["completion_ids"]),
            "response_tokens": int(batch["completion_mask"].sum()),
            "prompt_tokens": int(batch["prompt_mask"].sum()) // self.num_generations,
        }
        return batch


class Steps(transformers.TrainerCallback):
    """A step of the trainer per request."""

    def __init__(self):
        self.trainer, self.watch = None, None

    def on_step_begin(self, args, state, control, **_unused):
        if state.global_step > 0 and not sys.stdin.readline():
            sys.exit()
        self.watch = Stopwatch()

    def on_step_end(self, args, state, control, **_unused):
        answer = {**self.watch.read(), **self.trainer.answer}
        answer["peak_rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


SAMPLING = {  # recipe: specs/recipe.md 5
    "recipe": {"top_k": 20, "top_p": 0.95, "repetition_penalty": 1.1},
    "plain": {},
}


def make_trainer(folder, steps, dtype, group, tokens, sampling, recompute):
    with open(PROMPTS, encoding="utf-8") as lines:
        prompts = [line.rstrip("\n") for line in lines]
    arguments = trl.GRPOConfig(
        output_dir=folder,
        use_cpu=True,
        bf16=dtype == "bfloat16",
        gradient_checkpointing=recompute,
        num_generations=group,
        per_device_train_batch_size=len(prompts) * group,
        max_completion_length=tokens,
        generation_kwargs={"min_new_tokens": tokens},
        **SAMPLING[sampling],
        max_steps=ENDLESS,
        logging_steps=ENDLESS,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    return Trainer(
        model=transformers.Qwen3_5ForCausalLM.from_pretrained(MODEL, dtype=torch.float32),
        args=arguments,
        processing_class=transformers.AutoTokenizer.from_pretrained(MODEL),
        reward_funcs=vowels,
        # With a fingerprint: datasets can hash tables only where it lies in a site-packages.
        train_dataset=datasets.Dataset(pyarrow.table({"prompt": prompts}), fingerprint="prompts"),
        callbacks=[steps],
    )


def main():
    first, dtype, group, tokens, sampling, *options = sys.stdin.readline().split()
    if first != "step":
        sys.exit(f"trl_step: '{first}' is not a request")
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps()
        steps.trainer = make_trainer(
            folder, steps, dtype, int(group), int(tokens), sampling, "recompute" in options
        )
        steps.trainer.train()


if __name__ == "__main__":
    main()
