#!/usr/bin/env python3
"""Runs on a machine with a GPU what runs nowhere else: the tests of the GPU's paths against the
CPU's, the program itself on both, and the bars G1 ... of specs/performance.md F. Writes
bench/results/<device>.json. Standard library only.

  run_gpu                 in the folder that ./dev bundle makes
  ./dev test gpu          in a checkout
  ... --only tests|bars   a part; --cpu: try the script where there is no GPU, writing nothing
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def find_device():
    """Name and driver of the first GPU; nothing where there is none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        line = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None
    name, driver, memory = (part.strip() for part in line.split(","))
    return {"name": name, "driver": driver, "memory": memory}


def run(command, seconds):
    """Exit code and output; -1 where it took too long or is not there."""
    print("$", " ".join(map(str, command)), flush=True)
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=seconds, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode(errors="replace") + f"\n(stopped after {seconds} s)"
    except OSError as error:
        return -1, str(error)


def run_tests(programs):
    """Yields a record per program: how many tests ran, and which failed or were skipped."""
    for program in programs:
        report = pathlib.Path(tempfile.mkdtemp()) / "report.json"
        code, output = run([program, f"--gtest_output=json:{report}"], 900)
        result = {"program": program.name, "exit_code": code, "failed": [], "skipped": 0, "ran": 0}
        if report.exists():
            for suite in json.loads(report.read_text())["testsuites"]:
                for test in suite["testsuite"]:
                    result["ran"] += 1
                    result["skipped"] += test["result"] == "SKIPPED"
                    if test.get("failures"):
                        result["failed"].append(f"{suite['name']}.{test['name']}")
        else:
            result["output"] = output[-4000:]
        print(f"  {result['ran']} tests, {len(result['failed'])} failed, {result['skipped']} skipped")
        for name in result["failed"]:
            print("  FAILED", name)
        yield result


def greedy(program, device, folder):
    """The tokens that the shipped tiny model writes greedily on a device."""
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(
        json.dumps({"id": i, "prompt": f"A story of {50 + 10 * i} words."}) + "\n" for i in range(6)))
    out = folder / f"{device}.jsonl"
    command = [program, "generate", "--model", ROOT / "assets/tiny", "--in", prompts, "--out", out,
               "--temperature", "0", "--max-new-tokens", "64", "--device", device,
               "--set", "model.compute_dtype=float32"]
    code, output = run(command, 300)
    if code != 0:
        return {"failed": output[-2000:]}
    return [json.loads(line)["tokens"] for line in out.read_text().splitlines()]


def run_program(program, device):
    """The program on the GPU beside itself on the CPU: greedy texts, and a short training."""
    folder = pathlib.Path(tempfile.mkdtemp())
    on_cpu, on_device = greedy(program, "cpu", folder), greedy(program, device, folder)
    train = [program, "train", ROOT / "configs/demo.toml", "--run-dir", folder / "run",
             "--device", device, "--set", "train.steps=3"]
    code, output = run(train, 600)
    metrics = folder / "run/metrics.jsonl"
    steps = [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
    names = ("step", "critic/score/mean", "actor/grad_norm", "actor/entropy",
             "mismatch/logprob_abs_mean", "timing_s/step")
    return {"greedy_texts_equal": on_cpu == on_device,
            "train": {"exit_code": code, "output": output[-2000:] if code else "",
                      "steps": [{n: s[n] for n in names if n in s} for s in steps]}}


SHAPE_9B = "assets/architectures/qwen3.5-9b.json"
BARS = [  # a few layers first: should the whole model not fit, these are there
    ["gpu_decode", SHAPE_9B, "4"], ["gpu_train", SHAPE_9B, "4"],
    ["gpu_decode"], ["gpu_decode", SHAPE_9B, "32", "4096", "cuda", "graphs"], ["gpu_train"],
]


def run_bars(folder):
    """Yields the JSON lines that the benchmarks print, and what else they said if they failed."""
    for name, *arguments in BARS:
        code, output = run([folder / name, *arguments], 400)
        program = " ".join([name, *arguments])
        for line in output.splitlines():
            if line.startswith("{"):
                print(line)
                yield dict(json.loads(line), program=program)
        if code != 0:
            yield {"program": program, "exit_code": code, "output": output[-3000:]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["tests", "bars"])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "bin", help="where the programs are")
    parser.add_argument("--cpu", action="store_true", help="try the script without a GPU")
    parser.add_argument("--out", type=pathlib.Path, help="instead of bench/results/<device>.json")
    arguments = parser.parse_args()

    device = find_device()
    if device is None and not arguments.cpu:
        sys.exit("gpu_run: nvidia-smi finds no GPU here (--cpu tries the script without one)")
    result = {"device": device, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
              "command": " ".join(sys.argv)}
    slug = re.sub(r"[^a-z0-9]+", "-", device["name"].lower()).strip("-") if device else "none"
    out = arguments.out or ROOT / f"bench/results/{slug}.json"

    def keep(key, values):
        """Writes what is there after every one: a call may be cut off."""
        for value in values:
            result.setdefault(key, []).append(value)
            if device is not None and not arguments.cpu:
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(json.dumps(result, indent=1) + "\n")

    if arguments.only != "bars":
        there = sorted(path for path in arguments.bin.iterdir() if path.is_file())
        keep("tests", run_tests(path for path in there
                                if re.fullmatch(r"(nn|rollout)(_gpu)?_test", path.name)))
        name = "cpu" if arguments.cpu else "cuda:0"
        keep("program", [run_program(arguments.bin / "polaris", name)])
    if arguments.only != "tests" and not arguments.cpu:
        keep("bars", run_bars(arguments.bin))

    print(json.dumps(result, indent=1))
    if out.exists():
        print("wrote", out)
    sys.exit(any(test["exit_code"] != 0 for test in result.get("tests", [])))


if __name__ == "__main__":
    main()
