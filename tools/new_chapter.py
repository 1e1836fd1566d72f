"""Start a chapter: notebook, tests, its line in _toc.yml and its row on the front page.

    python tools/new_chapter.py 07 masks "How do we hide the future, and the padding?"

What it writes keeps every rule, so that `make test` is green before the first sentence is written.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import nbformat
import yaml
from chapter import METADATA, SECTIONS
from notebooks import write_whole
from setup_cell import CELL_ID, CELL_TAGS, ROOT, SETUP_CELL

# First chapter of each part -> its caption in _toc.yml.
PARTS = {
    1: "Part I · One head, by hand",
    7: "Part II · From a head to a block",
    11: "Part III · Digits",
}
LAST = 99
MINUTES = 30  # until somebody has measured
ROW = re.compile(r"\| (\d+) \| \[")  # of a chapter, on the front page
TEST = '''\
"""Chapter {number}: {question}"""

import pytest


def test_{module}():
    pytest.skip("tests/chapters/test_{module}.py: put the tests of this chapter here")
'''
# What stands under the title and the headings until somebody writes it: it keeps every rule.
TEXTS = {
    "able": "- (say what);\n- (and what else).",
    "definition": "(The cells with the tag `export`, of which the chapter's module is made.)",
    "torch": "(The same by PyTorch, and that both agree.)",
    "limits": "(What was left out, and where it fails.)",
    "recap": "- (What to keep.)",
    "exercises": "**1.** (Something to do.)",
    "next": "(What remains open.)",
    "sources": "- (Papers, each with its entry in `book/references.bib`.)",
    "solutions": "**1.** (In words, or as below.)",
}
FOLDED = {"collapsed": True, "jupyter": {"outputs_hidden": True}}
# Id, text or code, metadata of the cells before "The compact definition".
FIRST = [
    ("first", "## (What this section says)\n\n(One sentence a line.)", None),
    ("rows", "import torch\n\nx = torch.ones(2, 3)  # (2, 3)\nx.shape", {}),
    ("ask-sum", "> **Predict, then run.** Is the sum of a row 2, 3 or 6?", None),
    ("sum", "x.sum(dim=-1)", {"tags": ["predict", "hide-output"], **FOLDED}),
    ("ask-mean", "> **Predict, then run.** Is the mean of all numbers 1 or 6?", None),
    ("mean", "x.mean()", {"tags": ["predict", "hide-output"], **FOLDED}),
]
SOLUTION = {
    "tags": ["solution", "hide-cell"],
    "cellView": "form",
    "jupyter": {"source_hidden": True},
}


class ChapterError(Exception):
    """A chapter that cannot be started; the message says why."""


def part_of(number: int) -> str:
    """The caption of the part that a chapter stands in."""
    return PARTS[max(first for first in PARTS if first <= number)]


def notebook(number: int, question: str) -> str:
    """The text of a chapter's empty notebook."""

    def cell(name: str, source: str, metadata: dict | None) -> nbformat.NotebookNode:
        if metadata is None:
            return nbformat.v4.new_markdown_cell(source, id=name)
        return nbformat.v4.new_code_cell(source, id=name, metadata=metadata)

    cells = [cell("title", f"# {question}\n\n*{part_of(number)} · about {MINUTES} minutes*", None)]
    for name, heading in SECTIONS.items():
        if name == "definition":
            cells += [cell(*first) for first in FIRST]
        cells.append(cell(name, f"## {heading}\n\n{TEXTS[name]}", None))
        if name == "able":
            cells.append(cell(CELL_ID, SETUP_CELL, {"tags": CELL_TAGS}))
    cells.append(cell("solution-1", "x.shape", SOLUTION))
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=METADATA)) + "\n"


def with_chapter(toc: str, number: int, page: str) -> str:
    """Put a page at its place in _toc.yml, and open its part if it is the part's first chapter.

    The file is edited as text, so that its comments stay; reading it again proves the result.
    """
    caption = part_of(number)
    header = f"  - caption: {caption}\n    chapters:\n"
    after = toc.replace(f"  # - caption: {caption}\n  #   chapters:\n", header)
    if header not in after:
        later = [f"  - caption: {part}\n" for first, part in PARTS.items() if first > number]
        before = next((line for line in [*later, "  - caption: Reference\n"] if line in after), "")
        place = after.index(before) if before else len(after)
        after = after[:place] + header + after[place:]
    place = after.index(header) + len(header)
    while entry := re.match(r" +- file: book/(\d\d)_.*\n", after[place:]):
        if int(entry[1]) > number:
            break
        place += entry.end()
    after = f"{after[:place]}      - file: {page}\n{after[place:]}"
    try:
        right = pages(after) == pages(toc) | {(caption, page)}
    except yaml.YAMLError:
        right = False
    if not right:
        raise ChapterError(f"_toc.yml: found no place for {page}; write its line by hand")
    return after


def with_row(index: str, number: int, question: str, page: str) -> str:
    """Put a chapter into the table of its part on the front page."""
    front = json.loads(index)
    for cell in front["cells"]:
        lines = "".join(cell["source"]).splitlines()
        rows = {int(row[1]): i for i, line in enumerate(lines) if (row := ROW.match(line))}
        if not rows:
            continue
        part = [other for other in rows if part_of(other) == part_of(number)] or list(rows)
        before = [other for other in part if other < number]
        place = rows[max(before)] + 1 if before else rows[min(part)]
        lines.insert(place, f"| {number} | [{question}]({page}.ipynb) | {MINUTES} min |")
        cell["source"] = "\n".join(lines).splitlines(keepends=True)
        return json.dumps(front, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    raise ChapterError("book/index.ipynb: found no table of chapters; write the row by hand")


def pages(toc: str) -> set[tuple[str, str]]:
    """Caption and page of every entry of a table of contents."""
    return {
        (part["caption"], entry["file"])
        for part in yaml.safe_load(toc)["parts"]
        for entry in part["chapters"]
    }


def start(number: int, module: str, question: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new chapter; return their paths.

    Raises: ChapterError where an argument is bad or the chapter is there already.
    """
    if not 1 <= number <= LAST:
        raise ChapterError(f"number: wanted 01 to {LAST}, got {number:02}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module):
        raise ChapterError(f"name: wanted a module's name like many_heads, got {module!r}")
    if not re.fullmatch(r"\S.*\?", question):
        raise ChapterError(f"question: wanted one line ending in a question mark, got {question!r}")
    page = root / "book" / f"{number:02}_{module}.ipynb"
    tests = root / "tests" / "chapters" / f"test_{module}.py"
    toc, index = root / "_toc.yml", root / "book" / "index.ipynb"
    same_number = sorted((root / "book").glob(f"{number:02}_*.ipynb"))
    same_name = sorted((root / "book").glob(f"[0-9][0-9]_{module}.ipynb"))
    for path in (*same_number, *same_name, tests):
        if path.exists():
            raise ChapterError(f"{path.relative_to(root)} is there already")
    texts = {
        page: notebook(number, question),
        tests: TEST.format(number=number, module=module, question=question.replace('"', "'")),
        toc: with_chapter(toc.read_text("utf8"), number, f"book/{page.stem}"),
        index: with_row(index.read_text("utf8"), number, question, page.stem),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    return list(texts)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Start the chapter that the arguments name; 0 if its files were written."""
    if len(arguments) != 3 or not arguments[0].isdecimal():
        print('wanted: NUMBER NAME QUESTION, as in  07 masks "How do we hide the future?"')
        return 2
    number, module, question = arguments
    try:
        paths = start(int(number), module, question, root)
    except (ChapterError, OSError) as error:
        print(f"new_chapter: {error}", file=sys.stderr)
        return 1
    for path in paths:
        print(f"wrote {path.relative_to(root)}")
    print(f"Next: `make chapter N={int(number):02}` executes it, and `make test` proves it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
