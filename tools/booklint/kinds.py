"""Which line of a module is of which kind: what it teaches, and what stands around that.

A guard line only checks: a call of `require`, an `if` that raises, and what is worked out for
these alone.  The decorator `@checked` belongs to the signature, and so do the fields of a class.
"""

import ast
from collections import Counter
from collections.abc import Iterator

from booklint import python

KINDS = ("idea", "guard", "docstring", "signature", "imports")


def is_guard(node: ast.AST) -> bool:
    """Whether a statement does nothing but check."""
    match node:
        case ast.Raise() | ast.Assert():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            return "require" in ast.unparse(function).split("_")
        case ast.If(body=body, orelse=other) | ast.For(body=body, orelse=other):
            return all(map(is_guard, [*body, *other]))
    return False


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements inside a node, outer before inner; a guard is taken as a whole."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not is_guard(child):
            yield from statements(child)


def guards(function: python.Function) -> list[ast.stmt]:
    """The guards of a function, and the assignments that feed nothing else."""
    found = [node for node in statements(function) if is_guard(node)]
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    loads = [name for name in names if isinstance(name.ctx, ast.Load)]
    while True:
        inside = {id(node) for guard in found for node in ast.walk(guard)}
        free = {name.id for name in loads} - {n.id for n in loads if id(n) not in inside}
        feeding = [
            node
            for node in statements(function)
            if isinstance(node, ast.Assign) and node not in found
            if {ast.unparse(part) for target in node.targets for part in python.flat(target)}
            <= free
        ]
        if not feeding:
            return found
        found += feeding


def kinds(source: str) -> Counter[str]:
    """How many lines of a module are of which kind."""
    tree = ast.parse(source)
    kind_of = dict.fromkeys(python.code_lines(source), "idea")

    def mark(lines: set[int] | range, kind: str) -> None:
        kind_of.update(dict.fromkeys(kind_of.keys() & lines, kind))

    for node in ast.walk(tree):
        if isinstance(node, python.Definition):
            mark(range(python.first_line(node), python.first_line(node.body[0])), "signature")
        if isinstance(node, ast.ClassDef):
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            mark({line for field in fields for line in python.lines_of(field)}, "signature")
        if isinstance(node, ast.Import | ast.ImportFrom):
            mark(python.lines_of(node), "imports")
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            mark(python.lines_of(node), "imports")
        if isinstance(node, python.Function):
            for guard in guards(node):
                mark(python.lines_of(guard), "guard")
    mark(python.docstring_lines(tree), "docstring")
    return Counter(kind_of.values())
