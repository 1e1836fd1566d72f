"""The set-up cell is the same in every notebook."""

import functools
import importlib.util

from truth.pages import ROOT, Complaint, Page

TEMPLATE = ROOT / "tools" / "setup_cell.py"


@functools.cache
def text() -> str:
    """The text of the set-up cell, as tools/setup_cell.py has it."""
    spec = importlib.util.spec_from_file_location("setup_cell", TEMPLATE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SETUP_CELL


def comes_first(page: Page) -> list[Complaint]:
    """The first code cell is the set-up cell, word for word, and out of the reader's way."""
    if not page.is_notebook:
        return []
    if not page.code_cells:
        return [page.complain("has no code cell: start with the set-up cell")]
    cell = page.code_cells[0]
    complaints = []
    if cell.id != "setup":
        what = f"the first code cell is {cell.id!r}: it must be the set-up cell, id setup"
        complaints.append(cell.complain(1, what))
    if not {"setup", "remove-cell"} <= set(cell.tags):
        complaints.append(cell.complain(1, "the set-up cell is tagged setup and remove-cell"))
    if cell.source.strip("\n") != text().strip("\n"):
        what = "the set-up cell differs from tools/setup_cell.py: copy it from there"
        complaints.append(cell.complain(_first_difference(cell.source, text()), what))
    complaints += [
        other.complain(1, "only the first code cell is tagged setup")
        for other in page.code_cells[1:]
        if other.is_setup
    ]
    return complaints


def _first_difference(text: str, other: str) -> int:
    pairs = zip(text.strip("\n").split("\n"), other.strip("\n").split("\n"), strict=False)
    same = [mine == theirs for mine, theirs in pairs]
    return same.index(False) + 1 if False in same else len(same)
