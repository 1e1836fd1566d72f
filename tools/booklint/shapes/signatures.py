"""Where a signature says sizes: `Float[Tensor, "*batch n_keys d_k"]` of a parameter."""

import ast
from functools import cache

from booklint import python

Places = dict[str, list[tuple[str, int]]]


@cache
def places(source: str, line: int) -> Places:
    """Size -> parameters, and which of their axes, of the function around a line.

    Axes behind one that stands for any number are counted from the end.
    """
    around = [
        node
        for node in ast.walk(python.tree(source) or ast.Module([], []))
        if isinstance(node, python.Function) and node.lineno <= line <= node.end_lineno
    ]
    found: Places = {}
    for argument in around[-1].args.args if around else []:
        for node in ast.walk(argument.annotation or ast.Constant(None)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name, place in _axes(node.value.split()):
                    found.setdefault(name, []).append((argument.arg, place))
    return found


def _axes(axes: list[str]) -> list[tuple[str, int]]:
    open_end = next((i for i, axis in enumerate(axes) if axis[0] in "*."), len(axes))
    # An axis with # may have length 1 in place of the size, so it says nothing.
    return [
        (axis, i if i < open_end else i - len(axes))
        for i, axis in enumerate(axes)
        if axis.isidentifier()
    ]
