#!/usr/bin/env python3
"""Writes src/text/html_entities_table.cpp: the named character references of HTML.

    tools/make_html_entities.py > src/text/html_entities_table.cpp

Source: html.entities.html5 of Python's standard library, which is the list of the WHATWG standard.
"""

import textwrap
from html.entities import html5

HEAD = """\
#include "text/html_entities_table.h"

namespace polaris {

// Made by tools/make_html_entities.py. "name=points", points in hexadecimal, joined by '+'; a '*'
// before '=' marks a name that also counts without its semicolon.
const std::string_view kHtmlEntityTable =
"""


def main():
    entries = []
    for name, text in sorted(html5.items()):
        if not name.endswith(";"):
            assert html5[name + ";"] == text
            continue
        bare = name[:-1]
        points = "+".join(f"{ord(c):X}" for c in text)
        entries.append(f"{bare}{'*' if bare in html5 else ''}={points}")
    lines = textwrap.wrap(" ".join(entries), 90, break_long_words=False, break_on_hyphens=False)
    print(HEAD, end="")
    for i, line in enumerate(lines):
        last = i + 1 == len(lines)
        print(f'    "{line}{"" if last else " "}"{";" if last else ""}')
    print("\n}  // namespace polaris")


if __name__ == "__main__":
    main()
