#!/usr/bin/env python3
"""Writes src/text/unicode_tables.cpp: what the tokenizers and word counters know about characters.

    pip install unicodedata2==16.0.0
    tools/make_unicode_tables.py > src/text/unicode_tables.cpp

General categories and decompositions come from unicodedata2. The version is part of the contract:
the published tokenizers are matched with a regex engine of Unicode 16 (tests/golden/tokenizer/
unicode_classes.json). Lower case comes from the running Python, with the letters added since.
"""
import sys

import unicodedata2 as ucd

CODE_POINTS = range(0x110000)
BLOCK = 128

# Bit numbers of UnicodeFlag in unicode.h.
UPPER_OR_TITLE, LOWER, OTHER_LETTER, MARK, NUMBER, DECIMAL_DIGIT, WHITE_SPACE, WORD_OF_REGEX, \
    NFC_UNSAFE, CASED, CASE_IGNORABLE = (1 << i for i in range(11))


def expand(ranges):
    return {c for first, last in ranges for c in range(first, last + 1)}


# Properties that unicodedata2 does not carry (PropList.txt, WordBreakProperty.txt).
SPACES = expand([(0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680),
                 (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
                 (0x3000, 0x3000)])
# Symbols (So) that are Other_Alphabetic; the other Other_Alphabetic characters are marks.
CIRCLED_LETTERS = expand([(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169),
                          (0x1F170, 0x1F189)])
JOIN_CONTROLS = {0x200C, 0x200D}
# Other_Lowercase that is not Lm (Lm is Case_Ignorable, and then being Cased changes nothing).
OTHER_LOWERCASE = expand([(0xAA, 0xAA), (0xBA, 0xBA), (0x2170, 0x217F)])
OTHER_UPPERCASE = expand([(0x2160, 0x216F)])
# Word_Break = MidLetter, MidNumLet or Single_Quote.
MID_WORD = expand([(0x3A, 0x3A), (0xB7, 0xB7), (0x387, 0x387), (0x55F, 0x55F), (0x5F4, 0x5F4),
                   (0x2027, 0x2027), (0xFE13, 0xFE13), (0xFE55, 0xFE55), (0xFF1A, 0xFF1A),
                   (0x2E, 0x2E), (0x2018, 0x2019), (0x2024, 0x2024), (0xFE52, 0xFE52),
                   (0xFF07, 0xFF07), (0xFF0E, 0xFF0E), (0x27, 0x27)])
# Lower case of letters newer than Unicode 14, which the running Python may not know.
NEW_LOWER = {0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7DA: 0xA7DB, 0xA7DC: 0x19B, 0x1C89: 0x1C8A,
             **{c: c + 0x20 for c in range(0x10D50, 0x10D66)}}


def nfc_unsafe():
    """Code points beside which NFC may change something.

    They change alone, are reordered (combining class), can be the second half of a composition
    (Hangul vowels and finals included), or decompose into something that begins with one of these.
    """
    seconds = expand([(0x1161, 0x1175), (0x11A8, 0x11C2)])
    for c in CODE_POINTS:
        parts = ucd.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(int(parts[1], 16))
    unsafe = {c for c in CODE_POINTS
              if ucd.combining(chr(c)) or c in seconds or
              (not 0xD800 <= c < 0xE000 and ucd.normalize("NFC", chr(c)) != chr(c))}
    begins = {c for c in CODE_POINTS if not 0xD800 <= c < 0xE000 and
              ord(ucd.normalize("NFD", chr(c))[0]) in unsafe}
    return unsafe | begins


def flags_of(c, unsafe):
    category = ucd.category(chr(c))
    flags = {"Lu": UPPER_OR_TITLE, "Lt": UPPER_OR_TITLE, "Ll": LOWER, "Lm": OTHER_LETTER,
             "Lo": OTHER_LETTER}.get(category, 0)
    flags |= MARK if category[0] == "M" else 0
    flags |= NUMBER if category[0] == "N" else 0
    flags |= DECIMAL_DIGIT if category == "Nd" else 0
    flags |= WHITE_SPACE if c in SPACES else 0
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc") or c in CIRCLED_LETTERS | JOIN_CONTROLS:
        flags |= WORD_OF_REGEX
    flags |= NFC_UNSAFE if c in unsafe else 0
    if category in ("Lu", "Ll", "Lt") or c in CIRCLED_LETTERS | OTHER_LOWERCASE | OTHER_UPPERCASE:
        flags |= CASED
    flags |= CASE_IGNORABLE if category in ("Mn", "Me", "Cf", "Lm", "Sk") or c in MID_WORD else 0
    return flags


def check_against_python(flags):
    """The final-sigma data must agree with str.lower of the running Python on what it knows."""
    import unicodedata
    for c in CODE_POINTS:
        if unicodedata.category(chr(c)) != ucd.category(chr(c)):
            continue
        ends_word = (chr(c) + "\u03a3").lower().endswith("\u03c2")
        transparent = ("A" + chr(c) + "\u03a3").lower().endswith("\u03c2")
        cased, ignorable = bool(flags[c] & CASED), bool(flags[c] & CASE_IGNORABLE)
        assert ends_word == (cased and not ignorable), hex(c)
        assert transparent == (cased or ignorable), hex(c)


def lower_ranges():
    """(first, last, stride, difference) of one-to-one lower case, U+0130 left out."""
    lower = {c: ord(chr(c).lower()) for c in CODE_POINTS if len(chr(c).lower()) == 1}
    lower.update(NEW_LOWER)
    assert all(ucd.category(chr(c)) == "Lu" for c in NEW_LOWER)
    assert [c for c in CODE_POINTS if len(chr(c).lower()) > 1] == [0x130]
    changed = [(c, to - c) for c, to in sorted(lower.items()) if to != c]
    ranges = []
    for c, difference in changed:
        if ranges:
            first, last, stride, previous = ranges[-1]
            step = c - last
            if difference == previous and step <= 2 and (stride == 0 or step == stride):
                ranges[-1] = (first, c, step, difference)
                continue
        ranges.append((c, c, 0, difference))
    return [(first, last, stride or 1, difference) for first, last, stride, difference in ranges]


def rows(values):
    line, lines = "   ", []
    for value in values:
        if len(line) + len(value) + 2 > 100:
            lines.append(line)
            line = "   "
        line += " " + value + ","
    return "\n".join(lines + [line])


def main():
    assert ucd.unidata_version.startswith("16."), "pip install unicodedata2==16.0.0"
    unsafe = nfc_unsafe()
    flags = [flags_of(c, unsafe) for c in CODE_POINTS]
    check_against_python(flags)

    kinds = sorted(set(flags), key=lambda value: (value != 0, value))
    kind_of = {value: i for i, value in enumerate(kinds)}
    blocks, index = {}, []
    for start in range(0, len(flags), BLOCK):
        block = tuple(kind_of[value] for value in flags[start:start + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(kinds) < 256 and len(blocks) < 256 and index[0] == 0

    ranges = lower_ranges()
    print(f"""// Unicode {ucd.unidata_version}. Generated by tools/make_unicode_tables.py; not meant to be read.
#include "text/unicode_tables.h"

// clang-format off
namespace polaris {{

const std::uint16_t kUnicodeFlags[] = {{
{rows([hex(value) for value in kinds])}
}};

const std::uint8_t kUnicodeIndex[0x110000 / 128] = {{
{rows([str(value) for value in index])}
}};

const std::uint8_t kUnicodeBlocks[] = {{
{rows([str(value) for block in blocks for value in block])}
}};

const LowerRange kLowerRanges[] = {{
{rows(["{%#x, %#x, %d, %d}" % entry for entry in ranges])}
}};
const std::size_t kLowerRangeCount = {len(ranges)};

}}  // namespace polaris""")


if __name__ == "__main__":
    sys.exit(main())
