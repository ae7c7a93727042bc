#!/usr/bin/env python3
"""A whole GRPO step on one thread of the CPU, rollouts and update, beside TRL's: the last two bars of
specs/performance.md H. 4 prompts, 5 stories each, 256 tokens.

Asks bench/grpo_step.cpp and bench/peers/trl_step.py (which `./dev bench grpo` fetches), which take turns on the
same random model, prompts and sampling. Times are medians, ratios medians of the rounds' ratios;
times are of the processor (--clock wall: by the clock). The bound is what the step's products would
take at the rate of two products that are timed in the same rounds: of as many rows as there are
stories, and of many."""
import argparse
import contextlib
import os
import pathlib
import shutil
import statistics
import tempfile

from nn_peers import GEMM, ROOT, Side, fail, make_model, processor, verdict
from nn_sizes import SIZES

PROMPTS = [
    "Write a story about a lighthouse keeper who finds a letter in a bottle.",
    "Write a story about two sisters who share one coat through a long winter.",
    "Write a story about a clock that runs backwards in a small town.",
    "Write a story about the last train over the mountains before the snow.",
]
GROUP, TOKENS = 5, 256
STORIES = len(PROMPTS) * GROUP
BARS = {"float32": {"S": 5, "M": 2}, "bfloat16": {"S": 7, "M": 4}}  # times TRL in float32
MEMORY_BAR = 0.35


class Bars:
    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.clock = arguments, folder, f"{arguments.clock}_s"
        self.prompts = folder / "prompts.txt"
        self.prompts.write_text("".join(f"{prompt}\n" for prompt in PROMPTS), encoding="utf-8")
        self.missed = []

    def request(self, dtype, recompute):
        words = ["step", dtype, GROUP, TOKENS, self.arguments.sampling]
        return " ".join(map(str, words + ["recompute"] * recompute))

    def ours(self, size, dtype):
        program = self.arguments.build / "grpo_step"
        request = self.request(dtype, self.arguments.recompute)
        return Side(dtype, [program, self.folder / size, self.prompts], request)

    def theirs(self, size):
        script = ROOT / "bench/peers/trl_step.py"
        request = self.request("float32", self.arguments.peer_recompute)
        command = [self.arguments.peer, script, self.folder / size, self.prompts]
        return Side("TRL", command, request)

    def gemm(self, dtype, rows):
        request = f"gemm {dtype} {rows} {GEMM} {GEMM}"
        return Side("gemm", [self.arguments.build / "nn_step", "-", self.prompts], request)

    def seconds(self, side):
        return [answer[self.clock] for answer in side.answers]

    def compare(self, size):
        make_model(self.arguments.polaris, SIZES[size], self.folder / size)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(ROOT / "assets/tiny" / file, self.folder / size)
        dtypes = self.arguments.dtypes
        with contextlib.ExitStack() as stack:
            ours = {dtype: stack.enter_context(self.ours(size, dtype)) for dtype in dtypes}
            gemms = {
                dtype: [stack.enter_context(self.gemm(dtype, rows)) for rows in (STORIES, GEMM)]
                for dtype in dtypes
            }
            peer = stack.enter_context(self.theirs(size)) if self.has_peer() else None
            sides = [*ours.values(), *([peer] if peer else [])]
            check_same_work(sides)
            everyone = [*sides, *(side for pair in gemms.values() for side in pair)]
            for _ in range(self.arguments.rounds):
                for side in everyone:
                    side.answers.append(side.ask())
        print(f"\n{size}, {STORIES} stories of {TOKENS} tokens, {self.arguments.sampling} sampling")
        if peer:
            print(f"  TRL float32: {self.halves(peer)}")
        for dtype in dtypes:
            self.report(size, ours[dtype], peer, self.bounds(size, gemms[dtype]))

    def has_peer(self):
        trl = self.arguments.peer.parent.parent / "trl"
        return self.arguments.peer.exists() and trl.exists()

    def bounds(self, size, gemms):
        """Seconds of the step's products in every round."""
        few, many = (
            [2 * rows * GEMM**2 / s for s in self.seconds(side)]
            for rows, side in zip((STORIES, GEMM), gemms)
        )
        tokens = STORIES * TOKENS
        generation, update = (tokens * SIZES[size].flops(w, TOKENS) for w in ("forward", "train"))
        return [generation / a + update / b for a, b in zip(few, many)]

    def halves(self, side):
        """What a step took, and its two parts."""
        generate = statistics.median(answer["generate"][self.clock] for answer in side.answers)
        step = statistics.median(self.seconds(side))
        peak = side.answers[-1]["peak_rss"] / 1e6
        parts = f"generation {generate:.2f}, update {step - generate:.2f}"
        return f"{step:6.2f} s ({parts}), peak {peak:,.0f} MB"

    def report(self, size, side, peer, bounds):
        seconds = self.seconds(side)
        share = statistics.median(b / s for b, s in zip(bounds, seconds))
        print(f"  {side.name}: {self.halves(side)}; {share:.0%} of the products' rates", flush=True)
        if not peer:
            return
        gain = statistics.median(b / a for a, b in zip(seconds, self.seconds(peer)))
        bar = BARS[side.name][size]
        self.bar(f"{size} {side.name} against TRL", f"{gain:.2f}x", bar, gain >= bar)
        memory = side.answers[-1]["peak_rss"] / peer.answers[-1]["peak_rss"]
        name = f"{size} {side.name} peak memory"
        self.bar(name, f"{memory:.2f}x", MEMORY_BAR, memory <= MEMORY_BAR)

    def bar(self, name, text, bar, is_met):
        print(f"    {name:30}{text:>8}  bar {bar:g}: {verdict(is_met)}", flush=True)
        if not is_met:
            self.missed.append(name)


def check_same_work(sides):
    """Their first answers, which are not timed."""
    for side in sides:
        answer = side.ask()
        if (answer["stories"], answer["response_tokens"]) != (STORIES, STORIES * TOKENS):
            fail(f"{side.name}: {answer['response_tokens']} tokens in {answer['stories']} stories")
        side.prompt_tokens = answer["prompt_tokens"]
    if len({side.prompt_tokens for side in sides}) != 1:
        fail("the sides read the prompts as different tokens")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", nargs="+", choices=["S", "M"], default=["S", "M"])
    parser.add_argument("--dtypes", nargs="+", choices=BARS, default=list(BARS))
    parser.add_argument("--sampling", choices=["recipe", "plain"], default="recipe")
    parser.add_argument("--recompute", action="store_true", help="trade our time for memory")
    parser.add_argument("--peer-recompute", action="store_true", help="... TRL's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--peer", type=pathlib.Path, default=ROOT / ".deps/peers/python")
    parser.add_argument("--polaris", type=pathlib.Path, help="instead of the build's")
    arguments = parser.parse_args()
    arguments.polaris = arguments.polaris or arguments.build / "polaris"
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bars = Bars(arguments, pathlib.Path(folder))
        if not bars.has_peer():
            print("no TRL (./dev bench grpo fetches it): ours is compared with products alone")
        for size in arguments.sizes:
            bars.compare(size)
    print(
        f"\n{processor()}, one thread, {arguments.rounds} rounds; load {load:.1f} to "
        f"{os.getloadavg()[0]:.1f}; missed: {', '.join(bars.missed) or 'nothing'}"
    )


if __name__ == "__main__":
    main()
