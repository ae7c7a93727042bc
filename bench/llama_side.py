"""llama.cpp beside us: its own benchmark on a model of ours, converted by its own converter."""
import json
import os
import resource
import subprocess

from nn_peers import ROOT, fail

TYPES = {"float32": "f32", "bfloat16": "bf16", "int8": "q8_0"}  # of weights, ours and theirs


class Llama:
    """What ./dev setup llama has made, and the interpreter that its converter runs under."""

    def __init__(self, folder, peer):
        self.bench, self.converter = folder / "bin/llama-bench", folder / "convert"
        self.peer = peer

    def missing(self):
        """Which setups are missing, or nothing."""
        needed = {"llama": [self.bench, self.converter], "peers": [self.peer]}
        return [name for name, files in needed.items() if not all(f.exists() for f in files)]

    def convert(self, model, storages):
        """Writes MODEL-f32.gguf, ... beside a model."""
        script = ROOT / "bench/peers/to_gguf.py"
        types = [TYPES[storage] for storage in storages]
        run([self.peer, script, self.converter, model, *types])

    def side(self, model, storage, tokens, times):
        return LlamaSide(self.bench, f"{model}-{TYPES[storage]}.gguf", tokens, times)


class LlamaSide:
    """Answers as the processes do that are a Side: `times` times `tokens` tokens from an empty
    context, one after the other. Every answer is of two processes, one of which writes one token
    only, so that what loading takes is known and left out."""

    def __init__(self, bench, model, tokens, times):
        self.command = [bench, "-m", model, "-t", 1, "-p", 0, "-o", "json"]
        self.tokens, self.times = tokens, times
        self.answers = []

    def ask(self):
        _, idle_cpu = self.measure(1, 1)
        wall, cpu = self.measure(self.tokens, self.times)
        return {"wall_s": wall, "cpu_s": cpu - idle_cpu}

    def measure(self, tokens, times):
        """Seconds of the decoding by the clock, and of the processor, of the whole process."""
        before = children_cpu()
        output = run([*self.command, "-n", tokens, "-r", times])
        return sum(json.loads(output)[0]["samples_ns"]) / 1e9, children_cpu() - before


def run(command):
    command = [str(word) for word in command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
    return done.stdout


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have ended
    return usage.ru_utime + usage.ru_stime
