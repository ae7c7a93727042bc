#!/usr/bin/env python3
"""Writes the tables of the lexical judge from the story corpus.

    tools/make_lexical_tables.py          # rewrites src/judge/lexical/{common_words,word_order}_table.cpp

Common words: lower-case forms found in at least four stories, the most frequent first.
Word order: how much more often two word classes stand one to three places apart than chance has it.
The 16 held-out stories of data/starter are left out, so that they can check the judge.
"""

import collections
import gzip
import json
import math
import pathlib
import re
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMON_WORDS = 16_000
MIN_STORIES = 4
SMOOTHING = 5.0  # pairs seen and expected this often beside the real ones
STEP, ZERO, LOW, HIGH = 0.1, 80, 35, 125  # a cell is chr(80 + 10 * pmi), from '#' to '}'

# A class of its own each; the order is that of the table.
FUNCTION_WORDS = """
the and of a to in was he that his it with had you for her as at on him is not my said she me but be
have from all were one out by up this an so they or there which no into been would when about like
them could what if we are who down more their some over then very upon your now do did will before
only than its other again never too after away through can must has any where us off here our even
how though am might such should while these those yet may ever most own
""".split()
IRREGULAR_PAST = """
went came took got made saw knew told stood sat gave left found felt kept held ran began brought
thought heard fell drew spoke rose threw broke wrote shook caught met led lay put set read flung
struck swung leapt crept bent bound built burst bought chose clung cut dug drank drove ate fought
fled flew froze hid hit hung knelt laid lent lit lost paid rang rode sang sank sought sold sent shot
shut slept slid spent sprang stole stuck strode swam swept swore tore taught understood woke won
wore wound lifted said forgot forgave beat became bore withdrew overtook fed spun split spread
""".split()
GROUPS = ["<paragraph>", "<comma>", "<end>", "<open>", "<close>", "<name>", "<number>", "<past>",
          "<ing>", "<ly>", "<plural>", "<other>"]

TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[.!?…]+|[,;:—–()]|[“”\"]")


def plain(word):
    return word.lower().replace("’", "'")


def classes():
    names = FUNCTION_WORDS + GROUPS
    ids = {name: i for i, name in enumerate(names)}
    past = set(IRREGULAR_PAST)

    def of(token, at_start):  # word_order.cpp says the same
        first = token[0]
        if first in ".!?…":
            return ids["<end>"]
        if first in ",;:—–()":
            return ids["<comma>"]
        if first in "“\"":
            return ids["<open>"]
        if first == "”":
            return ids["<close>"]
        word = plain(token)
        if word in ids:
            return ids[word]
        if first.isdigit():
            return ids["<number>"]
        if first.isupper() and not at_start:
            return ids["<name>"]
        if word in past or word.endswith("ed"):
            return ids["<past>"]
        if word.endswith("ing"):
            return ids["<ing>"]
        if word.endswith("ly"):
            return ids["<ly>"]
        if word.endswith("s") and not word.endswith("ss"):
            return ids["<plural>"]
        return ids["<other>"]

    return names, ids, of


def sequence(text, ids, of):
    out = []
    for paragraph in text.split("\n\n"):
        out.append(ids["<paragraph>"])
        at_start = True
        for token in TOKEN.findall(paragraph):
            kind = of(token, at_start)
            out.append(kind)
            if token[0].isalnum():
                at_start = False
            if kind in (ids["<end>"], ids["<open>"]):
                at_start = True
    return out


def training_texts():
    held_out = set()
    for name in ("val", "short_val"):
        for line in open(ROOT / f"data/starter/{name}.jsonl", encoding="utf-8"):
            held_out.add(json.loads(line)["uid"])
    with gzip.open(ROOT / "data/corpus/stories.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            story = json.loads(line)
            if story["uid"] not in held_out:
                yield story["text"]


def literal(lines):
    return "\n".join(f'    "{line}{"" if i + 1 == len(lines) else " "}"' for i, line in enumerate(lines))


def wrapped(words):
    return textwrap.wrap(" ".join(words), 90, break_long_words=False, break_on_hyphens=False)


HEAD = """\
#include "judge/lexical/tables.h"

namespace polaris::lexical {

// Made by tools/make_lexical_tables.py; tables.h says what this is.
"""
TAIL = "\n}  // namespace polaris::lexical\n"


def main():
    names, ids, of = classes()
    stories = collections.Counter()
    counts = collections.Counter()
    single = collections.Counter()
    pairs = {distance: collections.Counter() for distance in (1, 2, 3)}
    for text in training_texts():
        words = [plain(t) for t in TOKEN.findall(text) if t[0].islower()]
        counts.update(words)
        stories.update(set(words))
        row = sequence(text, ids, of)
        single.update(row)
        for distance, table in pairs.items():
            table.update(zip(row, row[distance:]))

    common = sorted((w for w in counts if stories[w] >= MIN_STORIES), key=lambda w: (-counts[w], w))
    target = ROOT / "src/judge/lexical"
    (target / "common_words_table.cpp").write_text(
        HEAD + "const std::string_view kCommonWords =\n" + literal(wrapped(common[:COMMON_WORDS]))
        + ";\n" + TAIL, encoding="utf-8")

    total = sum(single.values())
    out = HEAD
    out += "const std::string_view kOrderFunctionWords =\n" + literal(wrapped(FUNCTION_WORDS)) + ";\n\n"
    out += "const std::string_view kOrderPastForms =\n" + literal(wrapped(IRREGULAR_PAST)) + ";\n"
    for distance, name in ((1, "kOrderNext"), (2, "kOrderSecond"), (3, "kOrderThird")):
        out += f"\n// clang-format off\nconst std::string_view {name} =\n"
        rows = []
        for a in range(len(names)):
            row = ""
            for b in range(len(names)):
                expected = single[a] * single[b] / total
                pmi = math.log((pairs[distance][a, b] + SMOOTHING) / (expected + SMOOTHING))
                row += chr(min(HIGH, max(LOW, ZERO + round(pmi / STEP))))
            rows.append(f'    R"({row})"')
        out += "\n".join(rows) + ";\n// clang-format on\n"
    (target / "word_order_table.cpp").write_text(out + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
