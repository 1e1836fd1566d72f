"""Cell ids and tags: what tools and diffs hold on to."""

import re
from collections import Counter

from booklint import failing
from booklint.pages import Complaint, Page

TAGS = {
    "definition",
    "exercise",
    "export",
    "hide-cell",
    "hide-input",
    "hide-output",
    "nbval-ignore-output",
    "predict",
    "raises-exception",
    "remove-cell",
    "setup",
    "solution",
}
REASON = re.compile(r"long:[a-z0-9]+(-[a-z0-9]+)*")
# What Jupyter, and what editors, make up for a new cell.
RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}.*)?")


def ids_are_names(page: Page) -> list[Complaint]:
    """Ids are unique, short, and say what the cell is for."""
    if not page.is_notebook:
        return []
    complaints = []
    ids = [cell.id for cell in page.cells]
    for position, (cell, name) in enumerate(zip(page.cells, ids, strict=True), start=1):
        if not name:
            complaints.append(page.complain(f"cell number {position} has no id: give it a name"))
        elif not re.fullmatch(r"[a-z0-9-]{1,64}", name):
            what = f"the id {name!r} must be of a-z, 0-9 and -, at most 64 characters"
            complaints.append(cell.complain(1, what))
        elif RANDOM.fullmatch(name):
            what = "the id is a random one: name the cell after what it does"
            complaints.append(cell.complain(1, what))
    for name, times in Counter(ids).items():
        if name and times > 1:
            complaints.append(page.complain(f"{times} cells have the id {name!r}: ids are unique"))
    return complaints


def tags_are_known(page: Page) -> list[Complaint]:
    """A misspelt tag would silently do nothing."""
    return [
        cell.complain(1, f"the tag {tag!r} is unknown: correct it, or list it in {__name__}")
        for cell in page.cells
        for tag in cell.tags
        if tag not in TAGS and not REASON.fullmatch(tag) and not failing.TAG.fullmatch(tag)
    ]
