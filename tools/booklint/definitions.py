"""Exported definitions are taken in at a glance: short, and with their shapes."""

import ast
from collections.abc import Iterator

from booklint import python
from booklint.kinds import guards
from booklint.pages import Cell, Complaint, Page
from booklint.shapes import comments

# Up to this chapter a function or method is bare: the idea, and little else.
LAST_BARE = 10
MOST_LINES, MOST_LINES_LATER = 12, 25
ATTENTION = {"attention", "heads", "scores", "weights"}


def are_brief(page: Page) -> list[Complaint]:
    """A function of a bare chapter has 12 lines of code, a later one 25.

    Neither docstrings nor comments count, nor the signature.  The private helpers that a function
    of a bare chapter calls are counted as if they stood in it.
    """
    complaints = []
    functions = [(cell, node) for cell, tree in _exported(page) for node in _functions(tree)]
    helpers = {node.name: (cell, node) for cell, node in functions if _is_private(node.name)}
    most = MOST_LINES if _is_bare(page) else MOST_LINES_LATER
    for cell, node in functions:
        called = _called(node, helpers) if _is_bare(page) else []
        parts = [(cell, node), *(helpers[name] for name in called)]
        count = sum(_count(*part) for part in parts)
        if count > most and not (_is_private(node.name) and _is_bare(page)):
            among = f", {', '.join(called)} among them" if called else ""
            what = f"{node.name} has {count} lines of code{among}: {most} at most"
            complaints.append(cell.complain(node.lineno, what))
    return complaints


def say_shapes(page: Page) -> list[Complaint]:
    """In an exported `forward` with attention, each line that makes a tensor says its shape."""
    complaints = []
    for cell, tree in _exported(page):
        said = {comment.line for comment in comments.find(cell.source, ()).comments}
        for node in _functions(tree):
            words = {word for name in _names(node) for word in name.split("_")}
            if node.name != "forward" or not words & ATTENTION:
                continue
            checks = {inner for guard in guards(node) for inner in ast.walk(guard)}
            for statement in ast.walk(node):
                silent = getattr(statement, "end_lineno", 0) not in said
                if silent and statement not in checks and _makes_a_tensor(statement):
                    what = "forward makes a tensor here: say its shape, as in  # (seq_len, d_k)"
                    complaints.append(cell.complain(statement.end_lineno, what))
    return complaints


def _is_bare(page: Page) -> bool:
    return page.number is not None and page.number <= LAST_BARE


def _exported(page: Page) -> Iterator[tuple[Cell, ast.Module]]:
    """The cells that feed the module; tools/extract.py refuses what is no Python."""
    for cell in page.code_cells:
        tree = python.tree(cell.source) if "export" in cell.tags else None
        if tree is not None:
            yield cell, tree


def _functions(tree: ast.Module) -> Iterator[python.Function]:
    """Functions and methods; a function inside another belongs to it."""
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        yield from (function for function in inner if isinstance(function, python.Function))


def _count(cell: Cell, node: python.Function) -> int:
    """Lines of code in a function's body."""
    code = python.code_lines(cell.source) - python.docstring_lines(node)
    return len(code & set(range(python.first_line(node.body[0]), node.end_lineno + 1)))


def _names(node: ast.AST) -> set[str]:
    """All names and attributes in a piece of code."""
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return found | {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _called(node: python.Function, helpers: dict[str, tuple[Cell, python.Function]]) -> list[str]:
    """The private helpers that a function calls, and those that they call."""
    found, new = set(), _names(node) & helpers.keys()
    while new:
        found |= new
        new = {
            name for helper in new for name in _names(helpers[helper][1]) & helpers.keys()
        } - found
    return sorted(found)


def _makes_a_tensor(statement: ast.AST) -> bool:
    match statement:
        case ast.Assign(value=value) | ast.AugAssign(value=value) | ast.Return(value=value):
            return value is not None and not _is_plain(value)
    return False


def _is_plain(value: ast.expr) -> bool:
    """Whether an expression only names things, or is about sizes."""
    match value:
        case ast.Name() | ast.Constant() | ast.Attribute() | ast.Compare() | ast.List(elts=[]):
            return True
        case ast.ListComp() | ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.Call(func=ast.Name(id="len" | "partial")):
            return True
        case ast.IfExp(body=left, orelse=right):
            return _is_plain(left) and _is_plain(right)
        case ast.Tuple(elts=parts) | ast.BoolOp(values=parts):
            return all(map(_is_plain, parts))
        case ast.BinOp(left=left, right=ast.Constant() as right, op=ast.Pow() | ast.FloorDiv()):
            return _is_plain(left) and _is_plain(right)
    return False
