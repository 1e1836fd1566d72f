"""Code cells are short, hold one idea, and can be run and compared anywhere."""

import ast
import io
import tokenize
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager

from truth import outputs
from truth.identity import REASON
from truth.pages import Cell, Complaint, Page

MOST_LINES = 10
MOST_EXPORTED_LINES = 25
NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


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
    """A cell tagged `export` holds imports and constants, or one definition of 25 lines at most."""
    complaints = []
    for cell in _own_cells(page):
        if "export" not in cell.tags:
            continue
        tree = _parse(cell)
        if tree is None:
            complaints.append(cell.complain(1, "is exported, and is no Python"))
            continue
        count = len(_code_lines(cell.source, tree))
        if count > MOST_EXPORTED_LINES:
            what = f"{count} lines without docstrings and comments: {MOST_EXPORTED_LINES} at most"
            complaints.append(cell.complain(1, what))
        if not _is_one_thing(tree):
            what = "an exported cell holds imports and constants, or exactly one definition"
            complaints.append(cell.complain(1, what))
    return complaints


def end_visibly(page: Page) -> list[Complaint]:
    """No cell ends in `;`: it would hide an output, and nbval with it."""
    complaints = []
    for cell in _own_cells(page):
        last = [token for token in _tokens(cell.source) if token.type not in NOT_CODE][-1:]
        if last and last[0].string == ";":
            what = "ends in `;`: end in an expression, a print or plt.show()"
            complaints.append(cell.complain(last[0].start[0], what))
    return complaints


def hold_no_magic(page: Page) -> list[Complaint]:
    """No magics or shell commands outside the set-up cell: they are no Python."""
    complaints = []
    for cell in _own_cells(page):
        # A fresh one per cell: it remembers what it has seen.
        transformed = TransformerManager().transform_cell(cell.source)
        if "get_ipython()" in transformed:
            what = "uses a magic or shell command: only the set-up cell may"
            complaints.append(cell.complain(1, what))
    return complaints


def show_no_svg(page: Page) -> list[Complaint]:
    """matplotlib writes the time into every SVG, so no second run would give the same."""
    return [
        cell.complain(1, "shows an SVG picture: show a PNG")
        for cell in page.code_cells
        if any("image/svg+xml" in bundle for bundle in outputs.data(cell))
    ]


def _own_cells(page: Page) -> list[Cell]:
    return [cell for cell in page.code_cells if not cell.is_setup]


def _parse(cell: Cell) -> ast.Module | None:
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return None


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(source).readline)
    except (tokenize.TokenError, SyntaxError):
        return  # Not Python; an error shown on purpose may be of that kind.


def _code_lines(source: str, tree: ast.Module) -> set[int]:
    """The numbers of the lines that hold code: no comments, no docstrings."""
    code = {
        line
        for token in _tokens(source)
        if token.type not in NOT_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(tree):
        if isinstance(node, Definition | ast.Module) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            code -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return code


def _is_one_thing(tree: ast.Module) -> bool:
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    if len(body) == 1 and isinstance(body[0], Definition):
        return True
    return bool(body) and all(_is_import_or_constant(statement) for statement in body)


def _is_import_or_constant(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Name) for target in targets)
        case ast.AnnAssign(target=ast.Name(), value=value):
            return value is not None
    return False
