"""Functions that are wrong on purpose: the exercise checker has to find in each what its tag says.

A cell tagged `fails-as:<mistake>`, once for each function that it defines and in their order.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from booklint import python
from booklint.pages import Cell, Complaint

TAG = re.compile(r"fails-as:([a-z0-9_]+)")


def mistakes(cell: Cell) -> list[str]:
    """The mistakes that a cell says it contains."""
    return [match[1] for tag in cell.tags if (match := TAG.fullmatch(tag))]


def judged(cell: Cell, namespace: Mapping[str, Any]) -> list[Complaint]:
    """What the checker says otherwise than the tags do; the cell has run in the namespace."""
    said = mistakes(cell)
    if not said:
        return []
    tree = python.tree(cell.source) or ast.Module([], [])
    made = [node for node in tree.body if isinstance(node, python.Definition)]
    if len(made) != len(said):
        what = f"{len(said)} tags fails-as:… for {len(made)} functions: one each, in their order"
        return [cell.complain(1, what)]
    found = [
        (node, _found(namespace[node.name], name)) for node, name in zip(made, said, strict=True)
    ]
    return [cell.complain(node.lineno, what) for node, what in found if what]


def _found(function: Any, name: str) -> str | None:
    """None where some check finds exactly this mistake, else what is found."""
    from bareattention.exercises.diagnosis import diagnose
    from bareattention.exercises.tasks import REFERENCES

    references = [each for each in REFERENCES if name in each.mistakes]
    if not references:
        return f"no mistake of the name {name} is known"
    explained = [diagnose(each, function, []).explained_by for each in references]
    if any(each == (frozenset([name]),) for each in explained):
        return None
    others = sorted(
        {" and ".join(sorted(wrong)) or "right" for each in explained for wrong in each}
    )
    return f"the checker does not find {name} in it, but {'; '.join(others) or 'nothing it knows'}"
