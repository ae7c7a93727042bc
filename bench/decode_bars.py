#!/usr/bin/env python3
"""Decoding on one thread of the CPU against what the machine can do in the same run: the bars C1, C2,
C8 and C9 of specs/performance.md F, and of H the share of the product rate at 40 rows, one row
against llama.cpp with weights of the same type (./dev setup llama) and 20 rows against transformers
(./dev setup peers), where these are.

Everything is asked of bench/decode_step.cpp, bench/peers/transformers_step.py or llama.cpp's own
benchmark. What is compared takes turns; a speed is the median of the rounds, a ratio the median of the rounds' ratios.
Times are of the processor, so that other programs disturb less (--clock wall: by the clock)."""
import argparse
import os
import pathlib
import random
import statistics
import tempfile

from llama_side import Llama
from nn_peers import ROOT, Side, make_model, processor, verdict
from nn_sizes import SIZES

STORAGES = ["float32", "bfloat16", "int8"]
TOKENS = 256
TIMES = {"S": 16, "M": 2, "L": 1}  # of a round at batch 1
C1 = {"S": 0.50, "M": 0.55, "L": 0.70}  # of the rate at which the weights can be read
LLAMA_BARS = {"S": 1.5, "M": 1.3, "L": 1.0}  # times llama.cpp, weights of the same type
C2_SIZE, C2_BAR = "M", 1.7
C8_ROWS, C8_ROW_BYTES, C8_BAR = 48, 4 * 248_320, 3.0
C9_ROWS = [1, 3, 6]
WIDE, WIDE_BAR = 40, 0.60
PEER_ROWS, PEER_TOKENS = 20, 32
PEER_BARS = {  # times transformers in float32
    "float32": {"S": 10, "M": 4, "L": 2},
    "bfloat16": {"S": 15, "M": 8, "L": 4},
}
GEMM = 2048  # columns and depth of the product at WIDE rows


class Bars:
    def __init__(self, arguments, folder):
        self.program, self.clock = arguments.build / "decode_step", f"{arguments.clock}_s"
        self.rounds, self.folder, self.peer = arguments.rounds, folder, arguments.peer
        self.llama = Llama(arguments.llama, arguments.peer)
        self.tokens = folder / "tokens.txt"
        numbers = random.Random(1)
        rows = ((numbers.randrange(2048) for _ in range(512)) for _ in range(WIDE))
        self.tokens.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
        self.missed = []

    def side(self, model, request):
        return Side(request, [self.program, model, self.tokens], request)

    def alternate(self, *sides):
        """Seconds of every side's rounds; what comes first is not timed."""
        for side in sides:
            side.ask()
        for _ in range(self.rounds):
            for side in sides:
                side.answers.append(side.ask())
        return [[answer[self.clock] for answer in side.answers] for side in sides]

    def bar(self, name, value, bar, text, at_least=True):
        """Bars are for float32 and bfloat16."""
        line = f"  {name:34}{text:>44}"
        if not name.endswith("int8"):
            met = value >= bar if at_least else value <= bar
            line += f"  bar {bar:g}: {verdict(met)}"
            if not met:
                self.missed.append(name)
        print(line, flush=True)

    def decode(self, size, storage):
        """C1, one row against llama.cpp in the same rounds, and C9 of the same weights."""
        steps, model = TOKENS * TIMES[size], self.folder / size
        with self.side(model, f"decode {storage} 1 {TOKENS} {TIMES[size]}") as ours:
            size_bytes = ours.ask()["bytes"]
            peers = []
            if not self.llama.missing():
                peers = [self.llama.side(model, storage, TOKENS, TIMES[size])]
            with self.side("-", f"read {size_bytes} {steps}") as read:
                ours_s, read_s, *peers_s = self.alternate(ours, read, *peers)
            share = statistics.median(b / s for b, s in zip(read_s, ours_s))
            rate, bound = (steps / statistics.median(seconds) for seconds in (ours_s, read_s))
            text = f"{rate:,.0f} of {bound:,.0f} tokens/s = {share:.0%}"
            self.bar(f"C1 decode {size} {storage}", share, C1[size], text)
            for peer_s in peers_s:
                gain = statistics.median(b / a for a, b in zip(ours_s, peer_s))
                peer_rate = steps / statistics.median(peer_s)
                text = f"{rate:,.0f} beside {peer_rate:,.0f} tokens/s = {gain:.2f}x"
                self.bar(f"llama.cpp {size} {storage}", gain, LLAMA_BARS[size], text)
            digests = set()
            for rows in C9_ROWS:
                ours.request = f"decode {storage} {rows} 64 1"
                digests.add(ours.ask()["digest"])
            if len(digests) != 1:
                self.missed.append(f"C9 {size} {storage}")
                print(f"  C9 {size} {storage}: a sequence depends on the others: MISSED")

    def batch(self, size, storage, rows):
        """How much faster one batch of rows is than one row, and its share of the product rate."""
        model, times = self.folder / size, max(1, TIMES[size] // 2)
        tokens = TOKENS if size != "L" else 32
        dtype = "bfloat16" if storage == "bfloat16" else "float32"
        gemm_flops = 2 * WIDE * GEMM * GEMM
        with self.side(model, f"decode {storage} 1 {tokens} {times}") as one, self.side(
            model, f"decode {storage} {rows} {tokens} {times}"
        ) as many, self.side("-", f"gemm {dtype} {WIDE} {GEMM} {GEMM}") as gemm:
            one_s, many_s, gemm_s = self.alternate(one, many, gemm)
        gain = statistics.median(rows * a / b for a, b in zip(one_s, many_s))
        rate = statistics.median(rows * tokens * times / s for s in many_s)
        flops = 2 * SIZES[size].matmul_parameters()
        share = statistics.median(
            rows * tokens * times * flops / s / (gemm_flops / g) for s, g in zip(many_s, gemm_s)
        )
        return gain, rate, share

    def against_transformers(self, size, storage):
        """20 sequences beside each other."""
        model, request = self.folder / size, f"{PEER_ROWS} {PEER_TOKENS} 1"
        script = ROOT / "bench/peers/transformers_step.py"
        theirs = Side("", [self.peer, script, model, self.tokens], f"decode float32 {request}")
        dtype = "bfloat16" if storage == "bfloat16" else "float32"
        product = self.side("-", f"gemm {dtype} {PEER_ROWS} {GEMM} {GEMM}")
        with self.side(model, f"decode {storage} {request}") as ours, theirs, product as gemm:
            ours_s, theirs_s, gemm_s = self.alternate(ours, theirs, gemm)
        gain = statistics.median(b / a for a, b in zip(ours_s, theirs_s))
        rates = (PEER_ROWS * PEER_TOKENS / statistics.median(s) for s in (ours_s, theirs_s))
        work = PEER_TOKENS * SIZES[size].matmul_parameters() / (GEMM * GEMM)  # products like that
        share = statistics.median(work * g / a for a, g in zip(ours_s, gemm_s))
        text = "{:,.0f} beside {:,.0f} tokens/s = {:.1f}x, {:.0%} of the product rate".format(
            *rates, gain, share
        )
        bar = PEER_BARS.get(storage, PEER_BARS["bfloat16"])[size]
        self.bar(f"transformers {size} {storage}", gain, bar, text)

    def sampler(self):
        with self.side("-", f"sample {C8_ROWS}") as ours, self.side(
            "-", f"read {C8_ROWS * C8_ROW_BYTES} 1"
        ) as read:
            ours_s, read_s = self.alternate(ours, read)
        ratio = statistics.median(a / b for a, b in zip(ours_s, read_s))
        row, bound = (1e6 * statistics.median(s) / C8_ROWS for s in (ours_s, read_s))
        text = f"{row:.0f} us a row, {bound:.0f} to read it = {ratio:.2f}x"
        self.bar("C8 sampler", ratio, C8_BAR, text, at_least=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--storages", nargs="+", choices=STORAGES, default=STORAGES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--peer", type=pathlib.Path, default=ROOT / ".deps/peers/python")
    parser.add_argument("--llama", type=pathlib.Path, default=ROOT / ".deps/llama")
    parser.add_argument("--only-one-row", action="store_true", help="C1, C9 and llama.cpp")
    parser.add_argument("--polaris", type=pathlib.Path, help="instead of the build's")
    arguments = parser.parse_args()
    arguments.polaris = arguments.polaris or arguments.build / "polaris"
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        bars = Bars(arguments, pathlib.Path(folder))
        if missing := bars.llama.missing():
            setups = " and ".join(f"./dev setup {name}" for name in missing)
            print(f"no llama.cpp to be compared with: {setups}")
        if not arguments.only_one_row:
            bars.sampler()
        for size in arguments.sizes:
            make_model(arguments.polaris, SIZES[size], bars.folder / size)
            if not bars.llama.missing():
                bars.llama.convert(bars.folder / size, arguments.storages)
            for storage in arguments.storages:
                bars.decode(size, storage)
            if arguments.only_one_row:
                continue
            if size == C2_SIZE:
                for storage in arguments.storages:
                    gain, rate, _ = bars.batch(size, storage, 4)
                    text = f"{rate:,.0f} tokens/s = {gain:.2f}x one row"
                    bars.bar(f"C2 batch 4 {size} {storage}", gain, C2_BAR, text)
            for storage in arguments.storages:
                _, rate, share = bars.batch(size, storage, WIDE)
                text = f"{rate:,.0f} tokens/s = {share:.0%} of the product rate"
                bars.bar(f"batch {WIDE} {size} {storage}", share, WIDE_BAR, text)
                if arguments.peer.exists():
                    bars.against_transformers(size, storage)
    print(
        f"\n{processor()}, one thread, {arguments.rounds} rounds; load {load:.1f} to "
        f"{os.getloadavg()[0]:.1f}; missed: {', '.join(bars.missed) or 'nothing'}"
    )


if __name__ == "__main__":
    main()
