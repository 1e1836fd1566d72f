"""Exercises can be checked, and their solutions leave the reader's own answers alone."""

import ast
from collections.abc import Iterator

from booklint import python
from booklint.pages import Cell, Complaint, Page

FEWEST = 2
WITHOUT = {17, 19}  # chapters that look at what others built
LAST = 20  # whoever adds a chapter decides
CALL = 'check("5.2", my_softmax)'


def can_be_checked(page: Page) -> list[Complaint]:
    """A chapter has two starters at least, each with a solution that the checker calls right.

    A starter is a cell tagged `exercise`: it defines something without a body and ends by handing
    it to `check`, with the number of the chapter.  The solution does the same, by another name.
    """
    if page.number is None:
        return []
    complaints, solved = [], set(_checks(page, "solution"))
    starters = [cell for cell in page.code_cells if "exercise" in cell.tags]
    if len(starters) < FEWEST and page.number <= LAST and page.number not in WITHOUT:
        what = f"{len(starters)} checked exercises: a chapter has {FEWEST} at least"
        complaints.append(page.complain(what))
    for cell in starters:
        made = list(_checks_of(cell))
        if len(made) != 1 or not made[0][0].startswith(f"{page.number}."):
            what = f"a starter ends by asking the checker, as in  {CALL}"
            complaints.append(cell.complain(1, what))
        elif not any(number == made[0][0] and name != made[0][1] for number, name in solved):
            what = f"no solution under another name is handed to  check({made[0][0]!r}, …)"
            complaints.append(cell.complain(1, what))
    return complaints


def are_left_to_the_reader(page: Page) -> list[Complaint]:
    """A solution never defines what a starter asks the reader to define."""
    asked = {name for _, name in _checks(page, "exercise")}
    return [
        cell.complain(node.lineno, f"{node.name} is the reader's own: give it another name here")
        for cell in page.code_cells
        if "solution" in cell.tags
        for node in ast.walk(python.tree(cell.source) or ast.Module([], []))
        if isinstance(node, python.Definition) and node.name in asked
    ]


def _checks(page: Page, tag: str) -> Iterator[tuple[str, str]]:
    for cell in page.code_cells:
        if tag in cell.tags:
            yield from _checks_of(cell)


def _checks_of(cell: Cell) -> Iterator[tuple[str, str]]:
    """Number and name of every call of `check` in a cell."""
    for node in ast.walk(python.tree(cell.source) or ast.Module([], [])):
        match node:
            case ast.Call(func=ast.Name("check"), args=[ast.Constant(str(number)), ast.Name(name)]):
                yield number, name
