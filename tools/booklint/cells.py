"""Code cells are short, hold one idea, and can be run and compared anywhere."""

from IPython.core.inputtransformer2 import TransformerManager

from booklint import outputs, python
from booklint.identity import REASON
from booklint.pages import Cell, Complaint, Page

MOST_LINES = 10


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
