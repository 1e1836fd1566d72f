"""Which small mistakes are planted in a module: a seeded sample of cosmic-ray's mutants.

What is drawn depends on SEED and the module's source alone, and a line that stays as it is keeps
its rank.  A place gives a second mutant only when every other place has given its first.
Annotations are left out, since they change no result; so are operators that want arguments.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
from collections import Counter

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

SEED, EACH = "attention", int(os.environ.get("EACH", 20))


def meaning(source: str) -> str:
    """The source as Python understands it, without annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in {"annotation", "returns"} & set(node._fields):
            setattr(node, name, None)
    return ast.dump(tree)


def definition(node) -> str:
    """The dotted name of the function or class that a node stands in; empty outside of them."""
    names = []
    while node := node.parent:
        if node.type in ("funcdef", "classdef"):
            names.insert(0, node.name.value)
    return ".".join(names)


def candidates(source: str) -> list[tuple]:
    """(how often its place came before, rank, line, operator, occurrence, definition), sorted."""
    lines, nodes, found = source.splitlines(), list(ast_nodes(get_ast(source))), []
    for name in operator_names():
        if (kind := get_operator(name)).arguments():
            continue
        places = [(node, start) for node in nodes for start, _ in kind().mutation_positions(node)]
        for occurrence, (node, (line, column)) in enumerate(places):
            text, where = lines[line - 1], definition(node)
            again = sum(start == (line, column) for _, start in places[:occurrence])
            key = f"{SEED} {where} {text.strip()} {text[column:]} {name} {again}"
            rank = hashlib.sha256(key.encode()).hexdigest()
            found.append((rank, line, column, name, occurrence, where))
    seen, order = Counter(), []
    for rank, line, column, *rest in sorted(found):
        order.append((seen[line, column], rank, line, *rest))
        seen[line, column] += 1
    return sorted(order)


def sample(source: str) -> list[tuple[dict, str]]:
    """Up to EACH mutants of a module: what was changed, and the mutated source."""
    lines, unchanged, chosen = source.splitlines(), meaning(source), []
    for _, _, line, name, occurrence, where in candidates(source):
        mutated = mutate_code(source, get_operator(name)(), occurrence)
        with contextlib.suppress(SyntaxError):
            if meaning(mutated) != unchanged:
                mutant = {"line": line, "in": where, "operator": name.removeprefix("core/")}
                now = (*mutated.splitlines(), "")[line - 1]
                mutant |= {"was": lines[line - 1].strip(), "now": now.strip()}
                chosen.append((mutant, mutated))
        if len(chosen) == EACH:
            break
    return chosen
