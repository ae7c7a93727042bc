#!/usr/bin/env python3
"""Our forward and backward pass beside transformers', on one thread of the CPU.

Every side is a process that answers the requests of bench/nn_step.cpp on the same random model and
tokens. Sides take turns; a speed is the median of the rounds, a ratio the median of the rounds'
ratios. Times are of the processor, all threads of a side, so that other programs disturb less
(--clock wall: by the clock). Loss and gradient must agree before anything is timed. The bars are
those of specs/performance.md F (C5) and H."""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile

from nn_sizes import SIZES

ROOT = pathlib.Path(__file__).resolve().parent.parent
GEMM = 2048  # rows, columns and depth of the product whose rate is the bound
SHAPE = (8, 512)  # sequences, tokens each
BARS = {  # times transformers in float32, forward and backward
    "float32": {"S": 2.0, "M": 1.3, "L": 1.0},
    "bfloat16": {"S": 3.0, "M": 2.2, "L": 1.8},
}
C5_SIZE, C5_SHAPE, C5_BAR = "M", (4, 256), 0.40
AGREEMENT = {"float32": 1e-3, "bfloat16": 2e-2}  # loss: nats; norm of the gradient: relative
PEER = "transformers float32"
WORK = ["forward", "train"]


def fail(message):
    raise SystemExit(f"nn_peers: {message}")


class Side:
    """A process, the one request that it is asked for, and its answers."""

    def __init__(self, name, command, request):
        self.name, self.request = name, request
        self.dtype = request.split()[1]
        self.answers = []
        self.process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.communicate()

    def ask(self):
        with contextlib.suppress(BrokenPipeError):  # then it does not answer either
            print(self.request, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            fail(f"{self.name}: no answer to '{self.request}'")
        return json.loads(line)


def make_model(polaris, size, folder):
    """Writes a random model."""
    config = folder.with_suffix(".json")
    config.write_text(json.dumps(size.config()))
    command = [polaris, "model", "init", "--dtype", "float32", "--seed", "1"]
    command += ["--config", config, "--out", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(done.stderr.strip())


class Bench:
    def __init__(self, arguments, folder):
        self.rounds, self.clock = arguments.rounds, f"{arguments.clock}_s"
        self.binaries, self.folder = arguments.build, folder
        self.peer_bfloat16 = arguments.peer_bfloat16
        self.peer = arguments.peer if arguments.peer.exists() else None
        self.wall_over_cpu = []  # of everything that was timed
        self.tokens = folder / "tokens.txt"
        self.tokens.write_text(random_tokens())

    def ours(self, model, request):
        words = request.split()
        name = " ".join(["polaris", words[1], *words[4:]])
        return Side(name, [self.binaries / "nn_step", model, self.tokens], request)

    def theirs(self, model, request):
        script = ROOT / "bench/peers/transformers_step.py"
        name = f"transformers {request.split()[1]}"
        return Side(name, [self.peer, script, model, self.tokens], request)

    def gemm(self, dtype):
        request = f"gemm {dtype} {GEMM} {GEMM} {GEMM}"
        return Side(f"gemm {dtype}", [self.binaries / "nn_step", "-", self.tokens], request)

    def alternate(self, sides):
        """Fills their answers; what each answered first, untimed, must agree."""
        first = {side.name: side.ask() for side in sides}
        check_agreement(sides, first)
        for _ in range(self.rounds):
            for side in sides:
                side.answers.append(side.ask())
        for side in sides:
            self.wall_over_cpu += [answer["wall_s"] / answer["cpu_s"] for answer in side.answers]

    def seconds(self, side):
        return [answer[self.clock] for answer in side.answers]

    def rates(self, gemm):
        """FLOP/s of every round."""
        return [2 * GEMM**3 / s for s in self.seconds(gemm)]

    def compare(self, size, work):
        """One pass of one size: a row per side. Types one after the other, since idle sides keep
        their memory."""
        return self.match(size, work, "float32") + self.match(size, work, "bfloat16")

    def match(self, size, work, dtype):
        """Our sides of one type and what they are compared with, taking turns."""
        model, shape = self.folder / size, f"{SHAPE[0]} {SHAPE[1]}"
        gemm = self.gemm(dtype)
        sides = [self.ours(model, f"{work} {dtype} {shape}")]
        if work == "train" and dtype == "float32":
            sides.append(self.ours(model, f"{work} {dtype} {shape} recompute"))
        peer = self.theirs(model, f"{work} float32 {shape}") if self.peer else None
        if peer:
            sides.append(peer)
        if peer and dtype == "bfloat16" and self.peer_bfloat16:
            sides.append(self.theirs(model, f"{work} {dtype} {shape}"))
        with contextlib.ExitStack() as stack:
            for side in [gemm, *sides]:
                stack.enter_context(side)
            self.alternate([gemm, *sides])
        rates = self.rates(gemm)
        return [self.row(size, work, side, rates, peer) for side in sides if side.dtype == dtype]

    def row(self, size, work, side, rates, peer):
        tokens = SHAPE[0] * SHAPE[1]
        flops = SIZES[size].flops(work, SHAPE[1])
        seconds = self.seconds(side)
        row = {
            "size": size,
            "work": work,
            "side": side.name,
            "tokens_per_s": tokens / statistics.median(seconds),
            "bound_tokens_per_s": statistics.median(rates) / flops,
            "gemm_flops": statistics.median(rates),
            "share_of_gemm": statistics.median(
                tokens * flops / s / rate for s, rate in zip(seconds, rates)
            ),
            "peak_rss": side.answers[-1]["peak_rss"],
            "answers": side.answers,
        }
        if peer and side is not peer:
            row["ratio"] = statistics.median(
                other / s for other, s in zip(self.seconds(peer), seconds)
            )
        if work == "train" and side.name in ("polaris float32", "polaris bfloat16"):
            row["bar"] = BARS[side.dtype][size]
        return row

    def c5(self):
        """An update of 4 x 256 tokens, optimizer included, as a share of the sgemm rate."""
        request = f"train float32 {C5_SHAPE[0]} {C5_SHAPE[1]}"
        with self.ours(self.folder / C5_SIZE, request) as side, self.gemm("float32") as gemm:
            self.alternate([side, gemm])
        seconds = [answer[self.clock] + answer["apply"][self.clock] for answer in side.answers]
        work = C5_SHAPE[0] * C5_SHAPE[1] * SIZES[C5_SIZE].flops("train", C5_SHAPE[1])
        rates = self.rates(gemm)
        return {
            "step_s": statistics.median(seconds),
            "flops": work / statistics.median(seconds),
            "share_of_gemm": statistics.median(work / s / r for s, r in zip(seconds, rates)),
            "bar": C5_BAR,
            "answers": side.answers,
        }


def random_tokens():
    numbers = random.Random(1)
    vocabulary = min(size.vocabulary for size in SIZES.values())
    rows = ((numbers.randrange(vocabulary) for _ in range(SHAPE[1])) for _ in range(SHAPE[0]))
    return "".join(" ".join(map(str, row)) + "\n" for row in rows)


def check_agreement(sides, first):
    """Sides whose loss and gradient are the same have done the same work."""
    sides = [side for side in sides if "loss" in first[side.name]]
    expected = first[PEER if PEER in first else sides[0].name]
    for side in sides:
        answer, tolerance = first[side.name], AGREEMENT[side.dtype]
        for key, scale in (("loss", 1.0), ("grad_norm", expected.get("grad_norm"))):
            if key in expected and not abs(answer[key] - expected[key]) <= tolerance * scale:
                fail(f"{side.name} '{side.request}': {key} {answer[key]}, not {expected[key]}")


def verdict(is_met):
    return "met" if is_met else "MISSED"


def print_rows(rows):
    size, tokens = SIZES[rows[0]["size"]], f"{SHAPE[0]} x {SHAPE[1]} tokens"
    gemm = {row["side"].split()[1]: row["gemm_flops"] / 1e9 for row in rows}
    rates = ", ".join(f"{dtype} {rate:.0f}" for dtype, rate in gemm.items())
    print(
        f"\n{rows[0]['size']}, {rows[0]['work']}: {size.matmul_parameters() / 1e6:.2f}M matmul "
        f"parameters, {tokens}; GEMM {GEMM}: {rates} GFLOP/s"
    )
    print(f"  {'':28}{'tokens/s':>10}{'x ' + PEER:>24}{'share of GEMM rate':>22}{'peak MB':>10}")
    for row in rows:
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        if "bar" in row and "ratio" in row:
            ratio += f" (bar {row['bar']}: {verdict(row['ratio'] >= row['bar'])})"
        share = f"{row['share_of_gemm']:.0%} of {row['bound_tokens_per_s']:,.0f}"
        print(
            f"  {row['side']:28}{row['tokens_per_s']:>10,.0f}{ratio:>24}{share:>22}"
            f"{row['peak_rss'] / 1e6:>10,.0f}",
            flush=True,
        )


def print_c5(c5):
    print(
        f"\nC5 cpu.train.10m: {C5_SIZE}, {C5_SHAPE[0]} x {C5_SHAPE[1]} tokens, one update in "
        f"{c5['step_s']:.2f} s: {c5['flops'] / 1e9:.0f} GFLOP/s = {c5['share_of_gemm']:.0%} of the "
        f"sgemm rate (bar {c5['bar']:.0%}: {verdict(c5['share_of_gemm'] >= c5['bar'])})",
        flush=True,
    )


def peer_versions(peer):
    script = "import torch, transformers as t; print(torch.__version__, t.__version__)"
    done = subprocess.run([peer, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"{peer}: {done.stderr.strip()}")
    return dict(zip(("torch", "transformers"), done.stdout.split()))


def processor():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--work", nargs="+", choices=WORK, default=WORK)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu")
    parser.add_argument("--peer-bfloat16", action="store_true", help="time transformers so, too")
    parser.add_argument(
        "--json",
        type=pathlib.Path,
        nargs="?",
        const=ROOT / "bench/results/nn_peers.json",
        help="write everything measured (to %(const)s)",
    )
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--peer", type=pathlib.Path, default=ROOT / ".deps/peers/python")
    arguments = parser.parse_args()

    report = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "processor": processor(),
        "load_before": os.getloadavg(),
        "rounds": arguments.rounds,
        "clock": arguments.clock,
        "rows": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        if bench.peer:
            report["peer"] = peer_versions(bench.peer)
            print("peer: " + ", ".join(f"{name} {v}" for name, v in report["peer"].items()))
        else:
            print(f"no {arguments.peer} (./dev setup peers): ours is compared with GEMM alone")
        for size in arguments.sizes:
            make_model(bench.binaries / "polaris", SIZES[size], bench.folder / size)
            for work in arguments.work:
                rows = bench.compare(size, work)
                print_rows(rows)
                report["rows"] += rows
            if size == C5_SIZE:
                report["c5"] = bench.c5()
                print_c5(report["c5"])
        report["load_after"] = os.getloadavg()
        report["wall_over_cpu"] = statistics.median(bench.wall_over_cpu)
    print(
        f"\n{report['processor']}, one thread, {arguments.rounds} rounds; load "
        f"{report['load_before'][0]:.1f} to {report['load_after'][0]:.1f}, "
        f"time by the clock / of the processor {report['wall_over_cpu']:.2f}"
    )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
