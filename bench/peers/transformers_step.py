#!/usr/bin/env python3
"""The protocol of bench/nn_step.cpp and bench/decode_step.cpp, answered by transformers:
transformers_step.py MODEL TOKENS.

Runs under .deps/peers/python (./dev setup peers). One thread. `recompute` is its gradient
checkpointing."""
import json
import os
import resource
import sys
import time

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # read when torch is imported

import torch  # noqa: E402
import transformers  # noqa: E402

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()  # that pure torch is slow is what we measure
MODEL, TOKENS = sys.argv[1:]


def load_model(dtype, recompute):
    model = transformers.Qwen3_5ForCausalLM.from_pretrained(MODEL, dtype=getattr(torch, dtype))
    if recompute:
        model.activation_checkpointing_enable()
    return model.train()  # no dropout in these models; checkpointing works in this mode only


class Stopwatch:
    """Seconds by the clock, and of the processor: all threads of this process."""

    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self):
        return {
            "wall_s": time.perf_counter() - self.wall,
            "cpu_s": time.process_time() - self.cpu,
        }


class Steps:
    """Answers requests; a model is loaded when it is first asked for."""

    def __init__(self):
        with open(TOKENS, encoding="ascii") as lines:
            self.tokens = [[int(token) for token in line.split()] for line in lines]
        self.models = {}

    def run(self, dtype, rows, length, recompute, train):
        key = (dtype, recompute)
        if key not in self.models:
            self.models[key] = load_model(*key)
        model = self.models[key]
        tokens = torch.tensor([row[: int(length)] for row in self.tokens[: int(rows)]])
        model.zero_grad(set_to_none=True)
        with torch.set_grad_enabled(train):
            watch = Stopwatch()
            loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
            if train:
                loss.backward()
            answer = {**watch.read(), "loss": loss.item()}
        if train:
            norms = [parameter.grad.float().norm() for parameter in model.parameters()]
            answer["grad_norm"] = torch.stack(norms).norm().item()
        return answer

    def decode(self, dtype, rows, count, times):
        """bench/decode_step.cpp's request, greedily."""
        key = (dtype, False)
        if key not in self.models:
            self.models[key] = load_model(*key)
        model = self.models[key].eval()
        tokens = torch.tensor([row[:1] for row in self.tokens[: int(rows)]])
        number = int(count) + 1  # the first comes from the prompt
        with torch.no_grad():
            watch = Stopwatch()
            for _ in range(int(times)):
                model.generate(
                    tokens,
                    attention_mask=torch.ones_like(tokens),
                    do_sample=False,
                    min_new_tokens=number,
                    max_new_tokens=number,
                    pad_token_id=0,
                )
            return watch.read()

    def forward(self, dtype, rows, length):
        return self.run(dtype, rows, length, recompute=False, train=False)

    def train(self, dtype, rows, length, *options):
        return self.run(dtype, rows, length, recompute="recompute" in options, train=True)

    def gemm(self, dtype, m, n, k):
        a = torch.randn(int(m), int(k)).to(getattr(torch, dtype))
        b = torch.randn(int(n), int(k)).to(getattr(torch, dtype))
        watch = Stopwatch()
        torch.mm(a, b.t())
        return watch.read()


def main():
    steps = Steps()
    for line in sys.stdin:
        request, *arguments = line.split()
        answer = getattr(steps, request)(*arguments)
        answer["peak_rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
