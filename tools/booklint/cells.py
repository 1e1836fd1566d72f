"""Code cells are short, hold one idea, and can be run and compared anywhere."""

import ast

from IPython.core.inputtransformer2 import TransformerManager

from booklint import outputs, python
from booklint.identity import REASON
from booklint.pages import Cell, Complaint, Page

MOST_LINES = 10
MOST_COLUMNS = 80  # what the page's column holds


def are_short(page: Page) -> list[Complaint]:
    """At most ten lines, unless a tag `long:<reason>` says why not."""
    complaints = []
    for cell in _own_cells(page):
        if "export" in cell.tags:
            continue
        count = sum(bool(line.strip()) for line in cell.source.splitlines())
        excused = any(REASON.fullmatch(tag) for tag in cell.tags)
        if count > MOST_LINES and not excused:
            what = f"{count} lines: cut it to {MOST_LINES}, or tag it long:<reason>"
            complaints.append(cell.complain(MOST_LINES + 1, what))
        if count <= MOST_LINES and excused:
            complaints.append(cell.complain(1, f"{count} lines need no tag long:…: take it off"))
    return complaints


def are_narrow(page: Page) -> list[Complaint]:
    """No line of code and no printed line has more than 80 columns."""
    complaints = []
    for cell in page.code_cells:
        for number, line in enumerate(cell.source.splitlines(), start=1):
            if len(line) > MOST_COLUMNS:
                what = f"{len(line)} columns of code: {MOST_COLUMNS} at most"
                complaints.append(cell.complain(number, what))
        widest = max(map(len, "\n".join(outputs.printed(cell)).splitlines()), default=0)
        if widest > MOST_COLUMNS:
            what = f"prints {widest} columns: {MOST_COLUMNS} at most, or a table"
            complaints.append(cell.complain(1, what))
    return complaints


def trainings_are_checked(page: Page) -> list[Complaint]:
    """Below a cell whose outputs nobody compares, one checks what the prose says of it.

    It asserts that, or prints whether it is so.  Solutions say what they say by themselves.
    """
    complaints, asserted = [], False
    for cell in reversed(page.code_cells):
        tree = python.tree(cell.source)
        nodes = ast.walk(tree) if tree else ()
        if "nbval-ignore-output" not in cell.tags:
            asserted |= any(isinstance(node, ast.Assert | ast.Compare) for node in nodes)
        elif not asserted and "solution" not in cell.tags:
            what = "its outputs are not compared: assert below what the prose says of them"
            complaints.append(cell.complain(1, what))
    return complaints[::-1]


def exports_hold_one_thing(page: Page) -> list[Complaint]:
    """A cell tagged `export` holds imports and constants, or one definition.

    What cannot become part of a module at all, tools/extract.py refuses.
    """
    complaints = []
    for cell in _own_cells(page):
        tree = python.tree(cell.source) if "export" in cell.tags else None
        if tree is None:
            continue
        definitions = [node for node in tree.body if isinstance(node, python.Definition)]
        if not tree.body or (definitions and len(tree.body) > 1):
            what = "an exported cell holds imports and constants, or exactly one definition"
            complaints.append(cell.complain(1, what))
    return complaints


def end_visibly(page: Page) -> list[Complaint]:
    """No cell ends in `;`: it would hide an output, and nbval with it."""
    complaints = []
    for cell in _own_cells(page):
        last = python.code_tokens(cell.source)[-1:]
        if last and last[0].string == ";":
            what = "ends in `;`: end in an expression, a print or plt.show()"
            complaints.append(cell.complain(last[0].start[0], what))
    return complaints


def hold_no_magic(page: Page) -> list[Complaint]:
    """No magics or shell commands outside the set-up cell: they are no Python."""
    # A fresh manager per cell: it remembers what it has seen.
    return [
        cell.complain(1, "uses a magic or shell command: only the set-up cell may")
        for cell in _own_cells(page)
        if "get_ipython()" in TransformerManager().transform_cell(cell.source)
    ]


def show_no_svg(page: Page) -> list[Complaint]:
    """matplotlib writes the time into every SVG, so no second run would give the same."""
    return [
        cell.complain(1, "shows an SVG picture: show a PNG")
        for cell in page.code_cells
        if any("image/svg+xml" in bundle for bundle in outputs.data(cell))
    ]


def _own_cells(page: Page) -> list[Cell]:
    return [cell for cell in page.code_cells if not cell.is_setup]
