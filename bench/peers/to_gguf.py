#!/usr/bin/env python3
"""Writes a Hugging Face model without its vocabulary as GGUF, for llama.cpp to be timed on:
to_gguf.py CONVERTER MODEL TYPE... makes MODEL-TYPE.gguf of every TYPE (f32, bf16, q8_0).

Runs under .deps/peers/python. CONVERTER is llama.cpp's own (./dev setup llama), whose program knows
the vocabularies of published models only."""
import json
import logging
import pathlib
import sys

CONVERTER, MODEL, *TYPES = sys.argv[1:]
sys.path[:0] = [CONVERTER, f"{CONVERTER}/gguf-py"]

import conversion  # noqa: E402
import gguf  # noqa: E402
import torch  # noqa: E402

FILE_TYPES = {
    "f32": gguf.LlamaFileType.ALL_F32,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}


def convert(model, name):
    config = json.loads((model / "config.json").read_text())
    model_class = conversion.get_model_class(config["architectures"][0])
    model_class.no_mtp = True  # Qwen3.5's extra layer for speculation, which is not there
    out = model.with_name(f"{model.name}-{name}.gguf")
    converter = model_class(model, FILE_TYPES[name], out)

    def set_vocab():
        converter.gguf_writer.add_tokenizer_model("none")
        converter.gguf_writer.add_vocab_size(config["vocab_size"])

    converter.set_vocab = set_vocab
    converter.write()


def main():
    logging.disable(logging.WARNING)
    with torch.inference_mode():
        for name in TYPES:
            convert(pathlib.Path(MODEL), name)


if __name__ == "__main__":
    main()
