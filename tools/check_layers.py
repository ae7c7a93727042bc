#!/usr/bin/env python3
"""Fails when a file of src/ includes a folder that its folder may not see (LAYERS), or libtorch
outside nn/'s sources. Run by CTest as `layers`: check_layers.py SRC"""
import pathlib
import re
import sys

LAYERS = {  # folder: the folders it may include, besides itself (docs: README, "The rooms")
    "base": [],
    "rl": ["base"],
    "text": ["base"],
    "weights": ["base"],
    "judge": ["base", "text"],
    "data": ["base", "rl", "text"],
    "nn": ["base", "rl", "weights"],
    "rollout": ["base", "rl", "text", "nn"],
    "reward": ["base", "rl", "text", "judge"],
    "eval": ["base", "rl", "text", "weights", "judge", "data", "nn", "rollout", "reward"],
}
LAYERS["train"] = [*LAYERS, "eval"]
LAYERS["app"] = list(LAYERS)

# What tests may include besides: readers of the golden files.
TESTS_ALSO = {"rollout": ["weights"]}

TORCH = re.compile(r"\s*#\s*include\s*<(torch|ATen|c10)/")
LOCAL = re.compile(r'\s*#\s*include\s*"(\w+)/')


def violations(src):
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".h", ".cpp", ".cu"):
            continue
        parts = path.relative_to(src).parts
        folder = parts[0]
        if folder not in LAYERS:
            yield f"{path}: folder {folder}/ is not in LAYERS of tools/check_layers.py"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            where = f"{path}:{number}"
            if TORCH.match(line):
                if folder != "nn":
                    yield f"{where}: libtorch headers belong to nn/"
                elif path.suffix == ".cu" or (path.suffix == ".h" and "internal" not in parts):
                    yield f"{where}: public headers and kernels of nn/ do not include libtorch"
            local = LOCAL.match(line)
            allowed = [folder, *LAYERS[folder]]
            if path.stem.endswith("_test"):
                allowed += TESTS_ALSO.get(folder, [])
            if local and local[1] not in allowed:
                yield f"{where}: {folder}/ may not include {local[1]}/"


found = list(violations(pathlib.Path(sys.argv[1])))
print("\n".join(found) or "layers: ok")
sys.exit(bool(found))
