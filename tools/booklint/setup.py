"""The set-up cell is the same in every notebook."""

from itertools import zip_longest

from setup_cell import CELL_ID, CELL_TAGS, SETUP_CELL

from booklint.pages import Complaint, Page


def comes_first(page: Page) -> list[Complaint]:
    """The first code cell is the set-up cell, word for word, and out of the reader's way."""
    if not page.is_notebook:
        return []
    if not page.code_cells:
        return [page.complain("has no code cell: start with the set-up cell")]
    cell, *others = page.code_cells
    complaints = [
        other.complain(1, "only the first code cell is tagged setup")
        for other in others
        if other.is_setup
    ]
    if cell.id != CELL_ID:
        what = f"the first code cell is {cell.id!r}: it must be the set-up cell, id {CELL_ID}"
        complaints.append(cell.complain(1, what))
    if not set(CELL_TAGS) <= set(cell.tags):
        what = f"the set-up cell is tagged {' and '.join(CELL_TAGS)}"
        complaints.append(cell.complain(1, what))
    pairs = zip_longest(cell.source.strip("\n").split("\n"), SETUP_CELL.split("\n"))
    for line, (stored, wanted) in enumerate(pairs, start=1):
        if stored != wanted:
            what = "the set-up cell differs from tools/setup_cell.py: copy it from there"
            return [*complaints, cell.complain(line, what)]
    return complaints
