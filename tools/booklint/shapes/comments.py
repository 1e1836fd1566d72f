"""Reads shape comments: `# (seq_len, d_k)` at the end of a line of code.

A comment may hold several shapes, `# (n, d), (n, n)`, and a remark after them.  An axis is a name,
a whole number or arithmetic on them; the first axis may be `...`.  `()` is a scalar.
"""

import ast
import re
import tokenize
from collections.abc import Collection
from dataclasses import dataclass, field

from booklint import python
from booklint.pages import Complaint, Page

PARENTHESES = re.compile(r"\(((?:[^()]|\([^()]*\))*)\)")
BRACKETS = re.compile(r"\[([^\[\]()]*)\]")
OPERATORS = ast.Add | ast.Sub | ast.Mult | ast.FloorDiv | ast.Pow


@dataclass(frozen=True)
class Shape:
    """One shape as written: an expression per axis."""

    text: str
    axes: tuple[ast.expr, ...]
    any_before: bool = False

    @property
    def names(self) -> list[str]:
        nodes = [node for axis in self.axes for node in ast.walk(axis)]
        return [node.id for node in nodes if isinstance(node, ast.Name)]


@dataclass(frozen=True)
class ShapeComment:
    line: int
    shapes: tuple[Shape, ...]

    def __str__(self) -> str:
        return ", ".join(shape.text for shape in self.shapes)

    @property
    def names(self) -> set[str]:
        return {name for shape in self.shapes for name in shape.names}


@dataclass
class Found:
    """The shape comments of a cell, and what only looks like one: line and fault."""

    comments: list[ShapeComment] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)


def are_there(page: Page) -> list[Complaint]:
    """Every chapter has a shape comment: without any, none could be found false."""
    own = [cell for cell in page.code_cells if not cell.is_setup]
    if page.number is None or any(find(cell.source, ()).comments for cell in own):
        return []
    return [page.complain("no line of code says a shape, as in  # (seq_len, d_k)")]


def find(source: str, sizes: Collection[str]) -> Found:
    """The shape comments in a cell.

    `sizes` are the names of the notation page: where they stand in a comment, a shape is meant.
    """
    found = Found()
    code_on: set[int] = set()
    for token in python.tokens(source):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("#").strip()
            _read(text, token.start[0], token.start[0] in code_on, sizes, found)
        elif token.type not in python.NO_CODE:
            code_on.update(range(token.start[0], token.end[0] + 1))
    return found


def _read(text: str, line: int, after_code: bool, sizes: Collection[str], found: Found) -> None:
    shapes, rest = _leading_shapes(text)
    if shapes and after_code:
        found.comments.append(ShapeComment(line, tuple(shapes)))
    elif shapes and _means_sizes(shapes[0], sizes):
        fault = f"the shape {shapes[0].text} has a line of its own, where nothing can check it"
        found.faults.append((line, f"{fault}: move it to the end of the line it speaks of"))
        return
    elif after_code and (bare := _without_comma(text, sizes)):
        found.faults.append((line, f"({bare}) is no shape: write ({bare},) for a single axis"))
        return
    for match in [*PARENTHESES.finditer(rest), *BRACKETS.finditer(rest)]:
        shape = shape_of(match.group(1))
        if shape is not None and len(shape.axes) > 1 and _means_sizes(shape, sizes):
            fault = f"nothing checks {match.group()}: shapes come first, as (a, b), (c, d)"
            found.faults.append((line, f"{fault}, and remarks after them"))


def _leading_shapes(text: str) -> tuple[list[Shape], str]:
    """The shapes at the start of a comment, and what follows them."""
    shapes: list[Shape] = []
    while match := PARENTHESES.match(text):
        shape = shape_of(match.group(1))
        if shape is None:
            break
        shapes.append(shape)
        text = text[match.end() :]
        following = re.match(r"\s*,\s*(?=\()", text)
        if not following:
            break
        text = text[following.end() :]
    return shapes, text


def shape_of(inside: str) -> Shape | None:
    """The shape that stands between parentheses, or None where it is none."""
    inside = inside.replace("…", "...").strip()
    if not inside:
        return Shape("()", ())
    try:
        parsed = ast.parse(f"({inside}\n)", mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(parsed, ast.Tuple):
        return None
    axes = parsed.elts
    any_before = bool(axes) and isinstance(axes[0], ast.Constant) and axes[0].value is Ellipsis
    axes = axes[any_before:]
    if not all(_is_axis(axis) for axis in axes):
        return None
    return Shape(f"({inside})", tuple(axes), any_before)


def _is_axis(node: ast.expr) -> bool:
    match node:
        case ast.Name():
            return True
        case ast.Constant(value=value):
            return type(value) is int
        case ast.BinOp(left=left, op=op, right=right):
            return isinstance(op, OPERATORS) and _is_axis(left) and _is_axis(right)
    return False


def _without_comma(text: str, sizes: Collection[str]) -> str:
    """`d` of a comment `(d)`: a single axis whose comma was forgotten."""
    match = PARENTHESES.match(text)
    if not match or not match.group(1).strip():
        return ""
    inside = match.group(1).strip()
    shape = shape_of(inside + ",")
    if shape is None or "," in inside or not shape.axes:
        return ""
    # A remark in parentheses is none, unless it is all there is or names a size.
    alone = re.match(r"\s*($|[,;:.])", text[match.end() :])
    return inside if alone or _means_sizes(shape, sizes) else ""


def _means_sizes(shape: Shape, sizes: Collection[str]) -> bool:
    return bool(shape.names) and all(name in sizes for name in shape.names)
