#!/usr/bin/env python3
"""Writes the supervised records of the tiny model: every story of the corpus, and its episodes.

    python3 tools/make_tiny_stories.py OUT.jsonl

A record asks for a story (title, kind, subjects, words; or a person's prompt of the starter sets),
plans it in a few lines from its opening, and tells it. Stories whose ids are in a validation file
are left out. Episodes are whole paragraphs in a row of
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
TRAINING = ("train.jsonl", "short_train.jsonl")

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


def opening(text, number=3):
    """The first words that are not everybody's. A list: a small model that begins a sentence in its
    plan goes on telling, and never closes it."""
    found = []
    for word in re.findall(r"\b[a-z]{4,}\b", text):
        if word not in COMMON and word not in found:
            found.append(word)
        if len(found) == number:
            break
    return found


def fragment(draw, text):
    """A few words in a row from anywhere, without a line break or a quotation mark."""
    pieces = [piece.split() for piece in re.split(r"[\n“”‘.;:!?—]", text)]
    pieces = [piece for piece in pieces if 5 <= len(piece) <= 14]
    return " ".join(draw.choice(pieces)).strip(" ,") if pieces else ""


def prompt(draw, title, kind, text, count):
    """Between one sentence and a short paragraph, as people's own prompts are."""
    sentences = [draw.choice([f"Write {kind} called “{title}”.", f"“{title}”: {kind}, please.",
                              f"Tell {kind}.", f"Give me {kind}."])]
    about = subjects(text, draw.choice([1, 2, 3, 5, 8, 12]))
    if about:
        listed = about[0] if len(about) == 1 else ", ".join(about[:-1]) + " and " + about[-1]
        sentences.append(draw.choice(["It has to do with {}.", "There should be {} in it.",
                                      "Somebody comes upon {}."]).format(listed))
    for _ in range(draw.choice([0, 0, 1, 2, 3])):
        words_in_a_row = fragment(draw, text)
        if words_in_a_row:
            sentences.append(words_in_a_row[0].upper() + words_in_a_row[1:] + ".")
    return " ".join(sentences + [f"The story should be {count} words long."])


def plan(text, count):
    paragraphs = text.count("\n\n") + 1
    lines = [f"Length: {count} words, {paragraphs} paragraphs."]
    people = names(text)
    if people:
        lines.append(f"People: {' and '.join(people)}.")
    about = subjects(text)
    if about:
        lines.append(f"What matters: {', '.join(about)}.")
    lines.append(f"It opens with: {', '.join(opening(text))}.")
    return "\n".join(lines)


def record(draw, uid, title, kind, text, asked=None):
    count = requested(len(words(text)))
    return {
        "uid": uid,
        "prompt": asked or prompt(draw, title, kind, text, count),
        "target_word_count": count,
        "ground_truth_reasoning": plan(text, count),
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


def starter(names_of_files):
    return [json.loads(line) for name in names_of_files
            for line in open(ROOT / "data/starter" / name, encoding="utf-8")]


def main(out):
    held_out = {entry["uid"] for entry in starter(VALIDATION)}
    asked = {entry["uid"]: entry["prompt"] for entry in starter(TRAINING)}
    with gzip.open(ROOT / "data/corpus/stories.jsonl.gz", "rt", encoding="utf-8") as lines:
        stories = [json.loads(line) for line in lines]
    stories = [story for story in stories if story["uid"] not in held_out]
    random.Random(1).shuffle(stories)  # the end of the file is what sft.holdout measures
    with open(out, "w", encoding="utf-8") as file:
        for story in stories:
            uid, title, text = story["uid"], story["title"], story["text"]
            draw = random.Random(uid)
            kind = KINDS.get(story["author"], "a short story")
            records = [record(draw, uid, title, kind, text)]
            if uid in asked:
                records.append(record(draw, f"{uid}--asked", title, kind, text, asked[uid]))
            if story["word_count"] > 1100:
                records += [record(draw, f"{uid}--{number}", title, kind, episode)
                            for number, episode in enumerate(episodes(draw, text), start=1)]
            for entry in records:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
