#!/usr/bin/env python3
"""Writes the supervised records of the tiny model: every story of the corpus, and its episodes.

    python3 tools/make_tiny_stories.py OUT.jsonl

A record asks for a story (title, kind, subjects, words), plans it from its opening, and tells it.
Stories whose ids are in a validation file are left out. Episodes are whole paragraphs in a row of
300 to 1,100 words: a small model that has seen only whole stories never learns to stop early.
The output is a function of the corpus alone.
"""
import collections
import gzip
import json
import pathlib
import random
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VALIDATION = ("val.jsonl", "short_val.jsonl")

KINDS = {
    "Algernon Blackwood": "an uncanny story",
    "Anton Chekhov": "a short story of Russian life",
    "Arthur Conan Doyle": "a detective story",
    "Arthur Machen": "an uncanny story",
    "Edgar Allan Poe": "a tale of terror",
    "F. Scott Fitzgerald": "a story of young people",
    "G. K. Chesterton": "a detective story",
    "H. G. Wells": "a fantastic story",
    "H. P. Lovecraft": "a tale of terror",
    "Henry Lawson": "a sketch of life in the bush",
    "Herman Melville": "a tale",
    "James Joyce": "a story of city life",
    "Katherine Mansfield": "a quiet story",
    "M. R. James": "a ghost story",
    "Mary Shelley": "a romantic tale",
    "O. Henry": "a story with a turn at the end",
    "Oscar Wilde": "a fairy tale",
    "Ring Lardner": "a comic story",
    "Robert E. Howard": "an adventure",
    "Robert W. Chambers": "an uncanny story",
    "Rudyard Kipling": "a story for children",
    "Saki": "a satirical story",
    "Sherwood Anderson": "a story of a small town",
    "Stanley G. Weinbaum": "a story of the future",
    "Stephen Leacock": "a comic story",
    "Willa Cather": "a story of artists",
}

COMMON = set(
    """about above across after again against almost along already always among another anything
    around asked away back because been before began behind being believe below better between beyond
    both bring brought called came cannot chapter come could course does doing done door down during
    each either enough even ever every everything eyes face felt find first found from gave give given
    goes going gone good great hand hands hardly have having head heard heart here herself himself
    however indeed into itself just keep kept knew know known last leave left less life like little
    long look looked made make many might mind more most much must myself need never next nothing
    often once only other others over part passed people perhaps place point quite rather really
    right room round said same says seem seemed seems seen several shall should side since some
    something sometimes soon stand still stood such take taken tell than that their them themselves
    then there these they thing things think this those though thought three through time together
    told took toward towards turned under until upon used very voice want wanted water well went were
    what when where whether which while whole whom whose will with within without woman word words
    work world would year years your yourself young whole once upon""".split())


def words(text):
    return re.findall(r"\w+", text)


def requested(count):
    """Rounded as in the starter sets: to 50 below 1,050 words, to 100 above."""
    step = 50 if count < 1050 else 100
    return max(step, int(count / step + 0.5) * step)


def subjects(text, number=3):
    """Words that this text uses more than once and that are not everybody's."""
    counts = collections.Counter(
        word for word in re.findall(r"\b[a-z]{4,}\b", text) if word not in COMMON)
    return [word for word, count in counts.most_common(number) if count > 1]


def names(text, number=2):
    """Capitalised words that are not at the start of a sentence."""
    found = collections.Counter(re.findall(r"(?<=[a-z,;] )([A-Z][a-z]{2,})\b", text))
    return [name for name, count in found.most_common(number) if count > 1]


def first_sentence(text, limit=24):
    sentence = re.split(r"(?<=[.!?])[”’]?\s", text.replace("\n", " "), maxsplit=1)[0].split()
    return " ".join(sentence[:limit]).rstrip(",;:—") + ("" if len(sentence) <= limit else " …")


def prompt(draw, title, kind, about, count):
    opening = draw.choice([
        f"Write {kind} called “{title}”.",
        f"“{title}”: {kind}, please.",
        f"Tell {kind} under the title “{title}”.",
    ])
    if about:
        listed = about[0] if len(about) == 1 else ", ".join(about[:-1]) + " and " + about[-1]
        opening += draw.choice([f" It has to do with {listed}.", f" There should be {listed} in it."])
    return f"{opening} The story should be {count} words long."


def plan(text, about, count):
    paragraphs = text.count("\n\n") + 1
    lines = [f"It opens: {first_sentence(text)}"]
    people = names(text)
    if people:
        lines.append(f"People: {' and '.join(people)}.")
    if about:
        lines.append(f"What matters: {', '.join(about)}.")
    lines.append(f"Length: {count} words, {paragraphs} paragraphs, then the end.")
    return "\n".join(lines)


def record(draw, uid, title, kind, text):
    count = requested(len(words(text)))
    about = subjects(text)
    return {
        "uid": uid,
        "prompt": prompt(draw, title, kind, about, count),
        "target_word_count": count,
        "ground_truth_reasoning": plan(text, about, count),
        "story": text,
    }


def episodes(draw, text):
    """Paragraphs in a row, until a length drawn for each episode is reached."""
    wanted, gathered, length = draw.randint(300, 1000), [], 0
    for paragraph in text.split("\n\n"):
        if paragraph == "* * *" and not gathered:
            continue
        gathered.append(paragraph)
        length += len(words(paragraph))
        if length >= wanted:
            if length <= 1100:
                yield "\n\n".join(gathered)
            wanted, gathered, length = draw.randint(300, 1000), [], 0


def main(out):
    held_out = {json.loads(line)["uid"]
                for name in VALIDATION for line in open(ROOT / "data/starter" / name, encoding="utf-8")}
    with gzip.open(ROOT / "data/corpus/stories.jsonl.gz", "rt", encoding="utf-8") as lines, \
            open(out, "w", encoding="utf-8") as file:
        for line in lines:
            story = json.loads(line)
            if story["uid"] in held_out:
                continue
            draw = random.Random(story["uid"])
            kind = KINDS.get(story["author"], "a short story")
            records = [record(draw, story["uid"], story["title"], kind, story["text"])]
            if story["word_count"] > 1100:
                records += [
                    record(draw, f"{story['uid']}--{number}", story["title"], kind, text)
                    for number, text in enumerate(episodes(draw, story["text"]), start=1)]
            for entry in records:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
